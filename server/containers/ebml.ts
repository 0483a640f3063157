import { MAX_CHILDREN, unsupported } from './bounds.ts'

/** Element ids of RFC 8794 (EBML) and RFC 9559 (Matroska), with their length markers. */
export const ID = {
  ebml: 0x1a45dfa3,
  docType: 0x4282,
  docTypeVersion: 0x4287,
  docTypeReadVersion: 0x4285,
  segment: 0x18538067,
  info: 0x1549a966,
  timestampScale: 0x2ad7b1,
  muxingApp: 0x4d80,
  writingApp: 0x5741,
  cluster: 0x1f43b675,
  tracks: 0x1654ae6b,
  trackEntry: 0xae,
  trackNumber: 0xd7,
  trackUid: 0x73c5,
  trackType: 0x83,
  flagLacing: 0x9c,
  trackTimestampScale: 0x23314f,
  contentEncodings: 0x6d80,
  codecId: 0x86,
  codecPrivate: 0x63a2,
  video: 0xe0,
  pixelWidth: 0xb0,
  pixelHeight: 0xba,
  audio: 0xe1,
  samplingFrequency: 0xb5,
  channels: 0x9f,
  timestamp: 0xe7,
  simpleBlock: 0xa3,
  blockGroup: 0xa0,
  block: 0xa1,
  referenceBlock: 0xfb,
} as const

/** An element of EBML, as far as it is here. */
export interface Element {
  id: number
  /** Offset of its data, in the bytes that it was read from. */
  dataAt: number
  /** Offset behind it, in the bytes that it was read from; infinite for an element of unknown size. */
  end: number
}

/** The data of the first child of `data` with this id; null where there is none. */
export function child(data: Buffer, id: number): Buffer | null {
  for (const element of children(data)) if (element.id === id) return dataOf(data, element)
  return null
}

/**
 * The children in `data`, up to the first that is not whole enough to be known.
 * @throws GatewayError where there are more than any recorder writes
 */
export function* children(data: Buffer): Generator<Element, void, undefined> {
  let count = 0
  for (let at = 0; at < data.length; ) {
    const element = readElement(data, at)
    if (element === 'incomplete' || element === 'invalid') return
    if (++count > MAX_CHILDREN)
      throw unsupported(`An element of the recording has more than ${MAX_CHILDREN} others in it.`)
    yield element
    at = element.end
  }
}

/** The data of an element that was read from `bytes`, as far as it is here. */
export function dataOf(bytes: Buffer, { dataAt, end }: Element): Buffer {
  return bytes.subarray(dataAt, Math.min(end, bytes.length))
}

/** The unsigned number in the data of an element (RFC 8794, 7.2); 0 for none. */
export function numberIn(data: Buffer | null): number {
  if (data === null || data.length > 8) return 0
  return data.reduce((number, byte) => number * 256 + byte, 0)
}

/** The number in the data of a float element (RFC 8794, 7.3); 0 for none. */
export function floatIn(data: Buffer | null): number {
  if (data?.length === 4) return data.readFloatBE(0)
  return data?.length === 8 ? data.readDoubleBE(0) : 0
}

/** The text in the data of an element (RFC 8794, 7.4); '' for none. */
export function textIn(data: Buffer | null): string {
  return data?.toString('latin1').replace(/\0+$/, '') ?? ''
}

/** Reads id and size of the element at `at` (RFC 8794, sections 4 to 6). */
export function readElement(bytes: Buffer, at: number): Element | 'incomplete' | 'invalid' {
  const first = bytes[at]
  if (first === undefined) return 'incomplete'
  const idLength = Math.clz32(first) - 23
  if (idLength > 4) return 'invalid'
  const sizeAt = at + idLength
  const sizeFirst = bytes[sizeAt]
  if (sizeFirst === undefined) return 'incomplete'
  const sizeLength = Math.clz32(sizeFirst) - 23
  if (sizeLength > 8) return 'invalid'
  const dataAt = sizeAt + sizeLength
  if (bytes.length < dataAt) return 'incomplete'
  let size = sizeFirst & (0xff >> sizeLength)
  let unknown = size === 0xff >> sizeLength
  for (let i = sizeAt + 1; i < dataAt; i++) {
    const byte = bytes.readUInt8(i)
    size = size * 256 + byte
    unknown &&= byte === 0xff
  }
  return { id: bytes.readUIntBE(at, idLength), dataAt, end: unknown ? Number.POSITIVE_INFINITY : dataAt + size }
}
