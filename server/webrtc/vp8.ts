import type { Depacketizer, Frame } from './depacketizer.ts'
import { PayloadCollector } from './payload-collector.ts'

/** The pictures of VP8 packets (RFC 7741, section 4.2). */
export class Vp8Depacketizer implements Depacketizer {
  readonly #collector = new PayloadCollector()

  push(payload: Buffer): void {
    const [first = 0, second = 0] = payload
    let at = 1
    if (first & 0x80) {
      at++
      // A picture number of one byte or two, the number of the base layer, and the layer.
      if (second & 0x80) at += (payload[at] ?? 0) & 0x80 ? 2 : 1
      if (second & 0x40) at++
      if (second & 0x30) at++
    }
    this.#collector.push(payload.subarray(at), this.begins(payload))
  }

  begins([first = 0]: Buffer): boolean {
    return (first & 0x10) !== 0 && (first & 7) === 0
  }

  finish(): Frame | null {
    const data = this.#collector.finish()
    if (data === null || data === 'broken') return data && { kind: 'broken' }
    // The head of a frame (RFC 6386, section 9.1).
    const isKeyframe = ((data[0] ?? 1) & 1) === 0
    if (!isKeyframe || data.length < 10) return { kind: 'frame', isKeyframe, data }
    const size = { width: data.readUInt16LE(6) & 0x3fff, height: data.readUInt16LE(8) & 0x3fff }
    return { kind: 'frame', isKeyframe, data, size }
  }
}
