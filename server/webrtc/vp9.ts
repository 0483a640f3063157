import type { Depacketizer, Frame } from './depacketizer.ts'
import { PayloadCollector } from './payload-collector.ts'

/** Flags of the first byte (RFC 9628, section 4.2). */
const FLAG = { pictureId: 0x80, predicted: 0x40, layers: 0x20, flexible: 0x10, begin: 0x08, structure: 0x02 } as const
/** Most references of a picture in flexible mode. */
const MAX_REFERENCES = 3

/** The pictures of VP9 packets (RFC 9628). Those with several spatial layers are put together as they come. */
export class Vp9Depacketizer implements Depacketizer {
  readonly #collector = new PayloadCollector()
  #isPredicted = true
  #size: { width: number; height: number } | null = null

  push(payload: Buffer): void {
    const [flags = 0] = payload
    let at = 1
    if (flags & FLAG.pictureId) at += (payload[at] ?? 0) & 0x80 ? 2 : 1
    if (flags & FLAG.layers) at += flags & FLAG.flexible ? 1 : 2
    if (flags & FLAG.flexible && flags & FLAG.predicted) {
      for (let count = 0; count < MAX_REFERENCES; count++) if (((payload[at++] ?? 0) & 1) === 0) break
    }
    if (flags & FLAG.structure) at = this.#readStructure(payload, at)
    if (flags & FLAG.begin && (flags & FLAG.predicted) === 0) this.#isPredicted = false
    this.#collector.push(payload.subarray(at), this.begins(payload))
  }

  begins([flags = 0]: Buffer): boolean {
    return (flags & FLAG.begin) !== 0
  }

  finish(): Frame | null {
    const data = this.#collector.finish()
    const isKeyframe = !this.#isPredicted
    const size = this.#size
    this.#isPredicted = true
    this.#size = null
    if (data === null || data === 'broken') return data && { kind: 'broken' }
    return { kind: 'frame', isKeyframe, data, ...(size && { size }) }
  }

  /** The scalability structure (RFC 9628, section 4.2.1): gives where it ends. */
  #readStructure(payload: Buffer, begin: number): number {
    const head = payload[begin] ?? 0
    let at = begin + 1
    if (head & 0x10) {
      for (let layer = 0; layer <= head >> 5; layer++, at += 4) {
        if (at + 4 > payload.length) return payload.length
        // The last is the largest.
        this.#size = { width: payload.readUInt16BE(at), height: payload.readUInt16BE(at + 2) }
      }
    }
    if (head & 0x08) {
      const pictures = payload[at++] ?? 0
      for (let picture = 0; picture < pictures; picture++) at += 1 + (((payload[at] ?? 0) >> 2) & 3)
    }
    return Math.min(at, payload.length)
  }
}
