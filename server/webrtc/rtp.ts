/** A packet of RTP (RFC 3550, section 5.1). Its payload is a view. */
export interface RtpPacket {
  payloadType: number
  /** The last packet of a picture, for the formats that we take. */
  marker: boolean
  /** 16 bits. */
  sequence: number
  /** 32 bits, in units of the clock of its format. */
  timestamp: number
  ssrc: number
  payload: Buffer
  /** Where its header extensions are: `[begin, end)` of `bytes`, in the form of `profile`; null for none. */
  extensions: { profile: number; begin: number; end: number } | null
  bytes: Buffer
}

const VERSION = 2
const HEADER_BYTES = 12
/** Forms of header extensions (RFC 8285, sections 4.2 and 4.3). */
const ONE_BYTE = 0xbede
const TWO_BYTE = 0x1000

/** Reads a packet; null for what is none. `bytes` are at most a datagram. */
export function parseRtp(bytes: Buffer): RtpPacket | null {
  const first = bytes[0]
  const second = bytes[1]
  if (first === undefined || second === undefined || bytes.length < HEADER_BYTES || first >> 6 !== VERSION) return null
  let at = HEADER_BYTES + (first & 15) * 4
  let extensions: RtpPacket['extensions'] = null
  if (first & 16) {
    if (at + 4 > bytes.length) return null
    const begin = at + 4
    const end = begin + bytes.readUInt16BE(at + 2) * 4
    extensions = { profile: bytes.readUInt16BE(at), begin, end }
    at = end
  }
  const padding = first & 32 ? (bytes.at(-1) ?? 0) : 0
  const end = bytes.length - padding
  if (at > end || (first & 32 && padding === 0)) return null
  return {
    payloadType: second & 127,
    marker: second >= 128,
    sequence: bytes.readUInt16BE(2),
    timestamp: bytes.readUInt32BE(4),
    ssrc: bytes.readUInt32BE(8),
    payload: bytes.subarray(at, end),
    extensions,
    bytes,
  }
}

/** The value of the header extension `id` of a packet (RFC 8285), or null. */
export function extensionOf({ extensions, bytes }: RtpPacket, id: number): Buffer | null {
  if (extensions === null) return null
  const isOneByte = extensions.profile === ONE_BYTE
  if (!isOneByte && (extensions.profile & 0xfff0) !== TWO_BYTE) return null
  let at = extensions.begin
  while (at < extensions.end) {
    const head = bytes[at++] ?? 0
    if (head === 0) continue
    const found = isOneByte ? head >> 4 : head
    // It says that nothing follows that can be read (RFC 8285, section 4.2).
    if (isOneByte && found === 15) return null
    const length = isOneByte ? (head & 15) + 1 : (bytes[at++] ?? 0)
    if (at + length > extensions.end) return null
    if (found === id) return bytes.subarray(at, at + length)
    at += length
  }
  return null
}

/** Counts on where numbers of `bits` bits wrap around: gives each in a sequence without an end. The first is what it is. */
export class Unwrapper {
  readonly #range: number
  #last: number | null = null

  constructor(bits: 16 | 32) {
    this.#range = 2 ** bits
  }

  /** The number on the long scale that is nearest to the highest so far. */
  next(value: number): number {
    if (this.#last === null) {
      // Later ones may be before it, and stay above 0.
      this.#last = value + this.#range
      return this.#last
    }
    const range = this.#range
    const last = this.#last
    const ahead = (((value - last) % range) + range) % range
    const found = last + (ahead < range / 2 ? ahead : ahead - range)
    this.#last = Math.max(last, found)
    return found
  }
}
