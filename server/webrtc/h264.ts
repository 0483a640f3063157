import type { Depacketizer, Frame } from './depacketizer.ts'
import { NAL, typeOf } from './nal.ts'

/** Largest picture, in bytes. */
const MAX_PICTURE_BYTES = 4 * 1024 * 1024

/** The pictures of H.264 packets (RFC 6184, packetization modes 0 and 1), as NAL units with their length before each, and their parameter sets. */
export class H264Depacketizer implements Depacketizer {
  #units: Buffer[] = []
  /** What there is of a unit that comes in parts. */
  #parts: Buffer[] | null = null
  #bytes = 0
  #isBroken = false
  #sps: Buffer | null = null
  #pps: Buffer | null = null

  push(payload: Buffer): void {
    const type = typeOf(payload)
    this.#bytes += payload.length
    if (this.#bytes > MAX_PICTURE_BYTES) {
      this.#isBroken = true
      return
    }
    if (type === NAL.aggregate) this.#takeAggregate(payload)
    else if (type === NAL.fragment) this.#takeFragment(payload)
    else if (type > 0 && type < NAL.aggregate) this.#take(payload)
    else this.#isBroken = true
  }

  begins(payload: Buffer): boolean {
    const [head = 0] = payload
    const type = (head & 31) === NAL.aggregate ? (payload[3] ?? 0) & 31 : head & 31
    return type === NAL.sps || type === NAL.delimiter
  }

  finish(): Frame | null {
    const units = this.#units
    const isBroken = this.#isBroken || this.#parts !== null
    this.#units = []
    this.#parts = null
    this.#bytes = 0
    this.#isBroken = false
    if (isBroken) return { kind: 'broken' }
    // Parameter sets may come alone.
    if (!units.some((unit) => typeOf(unit) <= NAL.idr)) return null
    const isKeyframe = units.some((unit) => typeOf(unit) === NAL.idr)
    if (!isKeyframe) return { kind: 'frame', isKeyframe, data: withLengths(units) }
    if (!this.#sps || !this.#pps) return { kind: 'broken' }
    // Encoders send them once, or apart, or with each keyframe: a decoder that begins here needs them here.
    const others = units.filter((unit) => typeOf(unit) !== NAL.sps && typeOf(unit) !== NAL.pps)
    return {
      kind: 'frame',
      isKeyframe,
      data: withLengths([this.#sps, this.#pps, ...others]),
      header: { sps: this.#sps, pps: this.#pps },
    }
  }

  #takeAggregate(payload: Buffer): void {
    for (let at = 1; at < payload.length; ) {
      if (at + 2 > payload.length) return this.#break()
      const end = at + 2 + payload.readUInt16BE(at)
      if (end > payload.length || end === at + 2) return this.#break()
      this.#take(payload.subarray(at + 2, end))
      at = end
    }
  }

  #takeFragment(payload: Buffer): void {
    const [indicator = 0, header] = payload
    if (header === undefined) return this.#break()
    if (header & 0x80) this.#parts = [Buffer.from([(indicator & 0xe0) | (header & 31)])]
    // Its beginning is lost.
    if (!this.#parts) return this.#break()
    this.#parts.push(payload.subarray(2))
    if ((header & 0x40) === 0) return
    const unit = Buffer.concat(this.#parts)
    this.#parts = null
    this.#take(unit)
  }

  #take(unit: Buffer): void {
    const type = typeOf(unit)
    if (type === NAL.sps) this.#sps = Buffer.from(unit)
    if (type === NAL.pps) this.#pps = Buffer.from(unit)
    // Some send a picture of filler to keep up their rate.
    if (type !== NAL.delimiter && type !== NAL.filler) this.#units.push(unit)
  }

  #break(): void {
    this.#isBroken = true
  }
}

function withLengths(units: readonly Buffer[]): Buffer {
  return Buffer.concat(
    units.flatMap((unit) => {
      const length = Buffer.alloc(4)
      length.writeUInt32BE(unit.length)
      return [length, unit]
    }),
  )
}
