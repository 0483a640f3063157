import { GrowingBuffer } from '../process/growing-buffer.ts'
import type { Point } from './scanner.ts'

/** Most bytes that are kept: about 25 s of a 2.5 Mbit/s recording without a keyframe. */
const KEPT_LIMIT_BYTES = 8 * 1024 * 1024

/** Most places to begin that are remembered: there is one in a group of pictures, and in each cluster of sound. */
const MAX_POINTS = 1_000

/** A smaller part of what is kept is not worth moving the rest. */
const MIN_DROPPED_SHARE = 1 / 2

/**
 * Keeps what a new FFmpeg needs to go on with a recording in the middle: the header, and everything since the last keyframe that went
 * out (without a picture, the last piece of sound). It takes the recording as it comes.
 */
export class ReplayBuffer {
  readonly #header: Buffer
  /** What comes between the header and the first byte, for one who begins there. */
  readonly #prefix: Buffer
  readonly #kept = new GrowingBuffer()
  /** Place of the first kept byte in the recording. */
  #base: number
  #points: Point[] = []
  #lost = false

  /** `offset`: place in the recording of the first byte that will come. */
  constructor({ header, prefix, offset }: { header: Buffer; prefix: Buffer; offset: number }) {
    this.#header = header
    this.#prefix = prefix
    this.#base = offset
  }

  /** Bytes that it holds. */
  get size(): number {
    return this.#kept.length
  }

  /** Takes the next bytes of the recording, and the places in them where one can begin. */
  push(bytes: Uint8Array, points: readonly Point[]): void {
    if (this.#lost) return
    this.#kept.push(bytes)
    // One that is left out makes what is kept longer, and nothing wrong.
    for (const point of points) if (this.#points.length < MAX_POINTS) this.#points.push(point)
    if (this.#kept.length - this.#unneeded() > KEPT_LIMIT_BYTES) this.#giveUp()
    else if (this.#kept.length > 2 * KEPT_LIMIT_BYTES) this.#drop()
  }

  /** Notes that a picture (or sound, where there is no picture) of this time, in ms of the recording, went out. */
  published(time: number): void {
    let passed = 0
    while ((this.#points[passed + 1]?.time ?? Number.POSITIVE_INFINITY) <= time) passed++
    if (passed > 0) this.#points.splice(0, passed)
    if (this.#unneeded() > this.#kept.length * MIN_DROPPED_SHARE) this.#drop()
  }

  /** The header and what to go on with, or all of the recording at its beginning; null where it cannot be gone on with. */
  bytes(): Buffer | null {
    if (this.#lost) return null
    // Where no place to go on at is known yet, nothing was given up: all of it is here, and what went out is left out on the bus.
    if (this.#points.length === 0) return Buffer.concat([this.#header, this.#prefix, this.#kept.bytes])
    return Buffer.concat([this.#header, this.#kept.bytes.subarray(this.#unneeded())])
  }

  /** Kept bytes before the first place to begin. */
  #unneeded(): number {
    const [first] = this.#points
    return first ? first.offset - this.#base : 0
  }

  #drop(): void {
    const unneeded = this.#unneeded()
    this.#kept.dropTo(unneeded)
    this.#base += unneeded
  }

  #giveUp(): void {
    this.#lost = true
    this.#kept.dropTo(this.#kept.length)
    this.#points = []
  }
}
