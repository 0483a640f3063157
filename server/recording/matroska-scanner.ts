import { child, children, ID, numberIn, numberOf, readElement } from './ebml.ts'
import type { Point, Scanner, Seen } from './replay.ts'

const VIDEO_TRACK = 1
const KEYFRAME_FLAG = 0x80
/** Track, time and flags. */
const BLOCK_HEADER_BYTES = 4

/** Finds where one can begin in a Matroska recording: clusters whose first picture is a keyframe (without a picture, all of them). */
export class MatroskaScanner implements Scanner {
  #videoTrack: number | null = null
  #cluster = { offset: 0, time: 0, decided: true }

  see(bytes: Buffer, at: number, offset: number): Seen | 'incomplete' | 'invalid' {
    const element = readElement(bytes, at)
    if (element === 'incomplete' || element === 'invalid') return element
    const toContent = element.dataAt - at
    switch (element.id) {
      case ID.segment:
        return { skip: toContent }
      case ID.cluster:
        this.#cluster = { offset, time: 0, decided: false }
        return { skip: toContent, isMedia: true }
    }
    if (!Number.isFinite(element.end)) return 'invalid'
    // Of a block, the beginning says enough.
    const mustBeWhole = element.id === ID.tracks || element.id === ID.timestamp
    if (!element.whole && (mustBeWhole || element.data.length < BLOCK_HEADER_BYTES)) return 'incomplete'
    return { skip: element.end - at, point: this.#look(element.id, element.data) }
  }

  #look(id: number, data: Buffer): Point | null {
    if (id === ID.tracks) {
      for (const entry of children(data)) {
        const isVideo = numberOf(child(entry.data, ID.trackType)) === VIDEO_TRACK
        if (isVideo) this.#videoTrack ??= numberOf(child(entry.data, ID.trackNumber))
      }
    } else if (id === ID.timestamp) this.#cluster.time = numberIn(data)
    else if (id === ID.simpleBlock && !this.#cluster.decided) return this.#decide(data)
    return null
  }

  /** The first picture of a cluster decides: where it is a keyframe, one can begin there (SimpleBlock: RFC 9559, 10.2). */
  #decide(block: Buffer): Point | null {
    if (block.length < BLOCK_HEADER_BYTES) return null
    const track = block.readUInt8(0) & 0x7f
    if (this.#videoTrack !== null && track !== this.#videoTrack) return null
    this.#cluster.decided = true
    const isKeyframe = (block.readUInt8(3) & KEYFRAME_FLAG) !== 0
    if (this.#videoTrack !== null && !isKeyframe) return null
    return { offset: this.#cluster.offset, time: this.#cluster.time + block.readInt16BE(1) }
  }
}
