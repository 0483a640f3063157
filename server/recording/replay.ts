import { child, children, ID, numberIn, numberOf, readElement } from './ebml.ts'

/** Most bytes that are kept: about 25 s of a 2.5 Mbit/s recording without a keyframe. */
const KEPT_LIMIT_BYTES = 8 * 1024 * 1024
const VIDEO_TRACK = 1
const KEYFRAME_FLAG = 0x80
/** Track, time and flags. */
const BLOCK_HEADER_BYTES = 4

interface Point {
  /** Where its cluster begins, counted from the beginning of the recording. */
  offset: number
  /** When its keyframe is shown, in ms of the recording. */
  time: number
}

/**
 * Keeps what a new FFmpeg needs to go on with a Matroska recording in the middle: the header, and everything since the last keyframe
 * that went out (without a picture, the last cluster). It takes the recording as it comes, and knows where its clusters begin.
 */
export class ReplayBuffer {
  #header: Buffer | null = null
  #videoTrack: number | null = null
  /** The first bytes of `#room`: what is kept. */
  #kept: Buffer = Buffer.alloc(0)
  #room: Buffer = Buffer.alloc(0)
  /** Place of the first kept byte in the recording. */
  #base = 0
  /** Place of the next element to read. */
  #next = 0
  #points: Point[] = []
  #cluster = { offset: 0, time: 0, decided: true }
  #lost = false

  /** Takes the next bytes of the recording. */
  push(bytes: Uint8Array): void {
    if (this.#lost) return
    this.#append(bytes)
    this.#scan()
    if (this.#kept.length > KEPT_LIMIT_BYTES) this.#giveUp()
  }

  /** Notes that a picture (or sound, where there is no picture) of this time, in ms of the recording, went out. */
  published(time: number): void {
    while (this.#points.length > 1 && (this.#points[1]?.time ?? Number.POSITIVE_INFINITY) <= time) this.#points.shift()
    const [first] = this.#points
    if (!first || first.offset === this.#base) return
    const rest = this.#kept.subarray(first.offset - this.#base)
    this.#kept = Buffer.alloc(0)
    this.#room = Buffer.alloc(0)
    this.#append(rest)
    this.#base = first.offset
  }

  /** The header and what to go on with; null where the recording cannot be gone on with. */
  bytes(): Buffer | null {
    const [first] = this.#points
    if (this.#lost || !this.#header || !first) return null
    return Buffer.concat([this.#header, this.#kept.subarray(first.offset - this.#base)])
  }

  /** Doubles the room when it is full, so that many small pieces cost no more than a few large ones. */
  #append(bytes: Uint8Array): void {
    const length = this.#kept.length
    if (length + bytes.length > this.#room.length) {
      this.#room = Buffer.allocUnsafe(2 * (length + bytes.length))
      this.#kept.copy(this.#room)
    }
    this.#room.set(bytes, length)
    this.#kept = this.#room.subarray(0, length + bytes.length)
  }

  #scan(): void {
    for (;;) {
      const at = this.#next - this.#base
      const element = readElement(this.#kept, at)
      if (element === 'incomplete') return
      if (element === 'invalid') return this.#giveUp()
      const contentAt = this.#base + element.dataAt
      switch (element.id) {
        case ID.segment:
          this.#next = contentAt
          break
        case ID.cluster:
          this.#header ??= Buffer.from(this.#kept.subarray(0, at))
          this.#cluster = { offset: this.#next, time: 0, decided: false }
          this.#next = contentAt
          break
        default:
          if (!Number.isFinite(element.end)) return this.#giveUp()
          if (
            !element.whole &&
            (element.id === ID.tracks || element.id === ID.timestamp || element.data.length < BLOCK_HEADER_BYTES)
          )
            return
          this.#look(element.id, element.data)
          this.#next = this.#base + element.end
          // What follows an element that is not whole yet cannot be read yet.
          if (!element.whole) return
      }
    }
  }

  #look(id: number, data: Buffer): void {
    if (id === ID.tracks) {
      for (const entry of children(data)) {
        const isVideo = numberOf(child(entry.data, ID.trackType)) === VIDEO_TRACK
        if (isVideo) this.#videoTrack ??= numberOf(child(entry.data, ID.trackNumber))
      }
    } else if (id === ID.timestamp) this.#cluster.time = numberIn(data)
    else if (id === ID.simpleBlock && !this.#cluster.decided) this.#decide(data)
  }

  /** The first picture of a cluster decides: where it is a keyframe, one can begin there (SimpleBlock: RFC 9559, 10.2). */
  #decide(block: Buffer): void {
    if (block.length < BLOCK_HEADER_BYTES) return
    const track = block.readUInt8(0) & 0x7f
    if (this.#videoTrack !== null && track !== this.#videoTrack) return
    this.#cluster.decided = true
    const isKeyframe = (block.readUInt8(3) & KEYFRAME_FLAG) !== 0
    if (this.#videoTrack !== null && !isKeyframe) return
    this.#points.push({ offset: this.#cluster.offset, time: this.#cluster.time + block.readInt16BE(1) })
  }

  #giveUp(): void {
    this.#lost = true
    this.#kept = Buffer.alloc(0)
    this.#room = Buffer.alloc(0)
    this.#points = []
  }
}
