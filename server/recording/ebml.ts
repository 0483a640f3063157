/** Element ids of RFC 8794 (EBML) and RFC 9559 (Matroska), with their length markers. */
export const ID = {
  ebml: 0x1a45dfa3,
  docType: 0x4282,
  segment: 0x18538067,
  cluster: 0x1f43b675,
  tracks: 0x1654ae6b,
  trackEntry: 0xae,
  trackType: 0x83,
  codecId: 0x86,
  codecPrivate: 0x63a2,
  video: 0xe0,
  pixelWidth: 0xb0,
  pixelHeight: 0xba,
  trackNumber: 0xd7,
  timestamp: 0xe7,
  simpleBlock: 0xa3,
} as const

/** An element of EBML, as far as it is here. */
export interface Element {
  id: number
  /** Offset of its data, in the bytes that it was read from. */
  dataAt: number
  /** Its data as far as it is here. */
  data: Buffer
  /** Whether all of its data is here; false for an element of unknown size. */
  whole: boolean
  /** Offset behind it, in the bytes that it was read from. */
  end: number
}

/** The first child of `data` with this id. */
export function child(data: Buffer, id: number): Element | null {
  for (const element of children(data)) if (element.id === id) return element
  return null
}

/** The children in `data`, up to the first that is not whole enough to be known. */
export function* children(data: Buffer): Generator<Element, void, undefined> {
  for (let at = 0; at < data.length; ) {
    const element = readElement(data, at)
    if (element === 'incomplete' || element === 'invalid') return
    yield element
    at = element.end
  }
}

/** The unsigned number that an element holds (RFC 8794, 7.2); 0 for none. */
export function numberOf(element: Element | null): number {
  return element === null ? 0 : numberIn(element.data)
}

/** The unsigned number in the data of an element; 0 for none. */
export function numberIn(data: Buffer): number {
  return data.length > 0 && data.length <= 6 ? data.readUIntBE(0, data.length) : 0
}

/** Reads id, size and data of the element at `at` (RFC 8794, sections 4 to 6). */
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
  const end = unknown ? Number.POSITIVE_INFINITY : dataAt + size
  return {
    id: bytes.readUIntBE(at, idLength),
    dataAt,
    data: bytes.subarray(dataAt, Math.min(end, bytes.length)),
    whole: end <= bytes.length,
    end,
  }
}
