import { writeHead } from './rtcp.ts'
import { Unwrapper } from './rtp.ts'

/** Transport-wide feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01, section 3.1). */
const FORMAT = 15
const TYPE = 205
/** Unit of the reference time, and of the distances between packets, in µs. */
const REFERENCE_US = 64_000
const DELTA_US = 250
/** Symbols of two bits, seven in a chunk. */
const NOT_RECEIVED = 0
const SMALL = 1
const LARGE = 2
const PER_CHUNK = 7
/** Most packets that one report tells of: a sender that jumps in its numbers is told of the newest. */
const MAX_PACKETS = 512

/** Notes when packets came, and tells the sender, who adapts its bitrate to that. */
export class TransportFeedback {
  readonly #ssrc: number
  readonly #unwrapper = new Unwrapper(16)
  #arrivals = new Map<number, number>()
  /** The number that the next report begins with. */
  #next: number | null = null
  #count = 0

  /** `ssrc`: whom reports come from. */
  constructor(ssrc: number) {
    this.#ssrc = ssrc
  }

  /** The packet with this transport-wide number came at `at`, in ms. */
  note(sequence: number, at: number): void {
    const number = this.#unwrapper.next(sequence)
    // It was told of as lost already.
    if (this.#next !== null && number < this.#next) return
    if (this.#arrivals.size < MAX_PACKETS) this.#arrivals.set(number, at * 1000)
  }

  /** A report of what came since the last one, about `media`; null where nothing did. */
  report(media: number): Buffer | null {
    if (this.#arrivals.size === 0) return null
    const arrivals = this.#arrivals
    this.#arrivals = new Map()
    const last = Math.max(...arrivals.keys())
    const first = Math.max(this.#next ?? Math.min(...arrivals.keys()), last - MAX_PACKETS + 1)
    this.#next = last + 1
    const reference = Math.floor(Math.min(...arrivals.values()) / REFERENCE_US)
    const { symbols, deltas } = describe(arrivals, first, last, reference * REFERENCE_US)
    const chunks = Math.ceil(symbols.length / PER_CHUNK)
    const length = 20 + chunks * 2 + deltas.length
    const bytes = Buffer.alloc(Math.ceil(length / 4) * 4)
    writeHead(bytes, FORMAT, TYPE)
    bytes.writeUInt32BE(this.#ssrc, 4)
    bytes.writeUInt32BE(media, 8)
    bytes.writeUInt16BE(first & 0xffff, 12)
    bytes.writeUInt16BE(symbols.length, 14)
    bytes.writeUIntBE(reference & 0xffffff, 16, 3)
    bytes.writeUInt8(this.#count++ & 255, 19)
    for (let chunk = 0; chunk < chunks; chunk++) {
      let value = 0xc000
      for (let index = 0; index < PER_CHUNK; index++) {
        value |= (symbols[chunk * PER_CHUNK + index] ?? NOT_RECEIVED) << (12 - 2 * index)
      }
      bytes.writeUInt16BE(value, 20 + chunk * 2)
    }
    deltas.copy(bytes, 20 + chunks * 2)
    const padding = bytes.length - length
    if (padding > 0) {
      bytes[0] = (bytes[0] ?? 0) | 0x20
      bytes.writeUInt8(padding, bytes.length - 1)
    }
    return bytes
  }
}

function describe(arrivals: Map<number, number>, first: number, last: number, begin: number) {
  const symbols: number[] = []
  const deltas: Buffer[] = []
  let clock = begin
  for (let number = first; number <= last; number++) {
    const at = arrivals.get(number)
    if (at === undefined) {
      symbols.push(NOT_RECEIVED)
      continue
    }
    const delta = Math.max(-0x8000, Math.min(0x7fff, Math.round((at - clock) / DELTA_US)))
    clock += delta * DELTA_US
    const isSmall = delta >= 0 && delta <= 255
    symbols.push(isSmall ? SMALL : LARGE)
    const bytes = Buffer.alloc(isSmall ? 1 : 2)
    if (isSmall) bytes.writeUInt8(delta)
    else bytes.writeInt16BE(delta)
    deltas.push(bytes)
  }
  return { symbols, deltas: Buffer.concat(deltas) }
}
