/** Most bytes that are kept: about 25 s of a 2.5 Mbit/s recording without a keyframe. */
const KEPT_LIMIT_BYTES = 8 * 1024 * 1024

/** A place in a recording where a decoder can begin. */
export interface Point {
  /** Where it is, counted in bytes from the beginning of the recording. */
  offset: number
  /** When its keyframe is decoded, in ms of the recording. */
  time: number
}

/** What a scanner sees in one element (or box) of a recording. */
export interface Seen {
  /** Bytes from its beginning to the next element: behind it, or in it. */
  skip: number
  /** Whether it is media: the header of the recording is what was before the first. */
  isMedia?: boolean
  /** A place to begin that is known now. */
  point?: Point | null
}

/** Knows the elements of a container format. */
export interface Scanner {
  /** Looks at the element at `at` of `bytes`, whose place in the recording is `offset`. */
  see(bytes: Buffer, at: number, offset: number): Seen | 'incomplete' | 'invalid'
}

/**
 * Keeps what a new FFmpeg needs to go on with a recording in the middle: the header, and everything since the last keyframe that went
 * out (without a picture, the last piece of sound). It takes the recording as it comes.
 */
export class ReplayBuffer {
  readonly #scanner: Scanner
  #header: Buffer | null = null
  /** The first bytes of `#room`: what is kept. */
  #kept: Buffer = Buffer.alloc(0)
  #room: Buffer = Buffer.alloc(0)
  /** Place of the first kept byte in the recording. */
  #base = 0
  /** Place of the next element to read. */
  #next = 0
  #points: Point[] = []
  #lost = false

  constructor(scanner: Scanner) {
    this.#scanner = scanner
  }

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

  /** The header and what to go on with, or all of the recording at its beginning; null where it cannot be gone on with. */
  bytes(): Buffer | null {
    const [first] = this.#points
    if (this.#lost) return null
    // Where no place to go on at is known yet, nothing was given up: all of it is here, and what went out is left out on the bus.
    if (!this.#header || !first) return Buffer.from(this.#kept)
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
    // What follows an element that is not whole yet cannot be read yet.
    while (this.#next < this.#base + this.#kept.length) {
      const at = this.#next - this.#base
      const seen = this.#scanner.see(this.#kept, at, this.#next)
      if (seen === 'incomplete') return
      if (seen === 'invalid' || !Number.isSafeInteger(seen.skip) || seen.skip <= 0) return this.#giveUp()
      if (seen.isMedia) this.#header ??= Buffer.from(this.#kept.subarray(0, at))
      if (seen.point) this.#points.push(seen.point)
      this.#next += seen.skip
    }
  }

  #giveUp(): void {
    this.#lost = true
    this.#kept = Buffer.alloc(0)
    this.#room = Buffer.alloc(0)
    this.#points = []
  }
}
