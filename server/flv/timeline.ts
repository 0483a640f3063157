import { kindOf, type Tag } from './tag.ts'

/**
 * Time between the last tag of an epoch and the first of the next, where their own times would overlap: a frame of sound (21 ms), and
 * as much again, since an AAC encoder's first frame lies before the recording begins.
 */
const MIN_GAP_MS = 50

/**
 * A gap may be so much longer than the time that passed here, in ms: what waited in an outage comes at once. What says that it lasted longer is not
 * believed, nor is a step back by more.
 */
const MAX_LEAP_MS = 10_000

/** A frame that is further from the header before it does not tell its time by it. */
const FAR_FROM_HEADER_MS = 1_000

/**
 * Rewrites the timestamps of successive epochs, each of which begins at a time of its own, so that they go on without a
 * break. Within a track each frame is later than the one before it: recorders give two the same time now and then, which muxers refuse.
 */
export class Timeline {
  #offset: number | null = null
  #at = 0
  #lastAudio = -1
  #lastVideo = -1
  /** When the last frame was placed, on the monotonic clock; null before the first. */
  #placedAt: number | null = null
  /** Time of the header that the epoch began with; null once there is a frame. */
  #header: number | null = null

  /** Begins an epoch that was captured `at` ms after the first one began. */
  beginEpoch(at: number): void {
    this.#at = at
    this.#offset = null
    this.#header = null
  }

  /** The time of `tag`, which came at `now` on the monotonic clock, on the timeline. All in ms. */
  place(tag: Tag, now: number): number {
    const kind = kindOf(tag)
    switch (kind) {
      case 'metadata':
        return Math.max(this.#headerTime(tag.timestamp), 0)
      case 'video-header':
        return Math.max(this.#headerTime(tag.timestamp), this.#lastVideo, 0)
      case 'audio-header':
        return Math.max(this.#headerTime(tag.timestamp), this.#lastAudio, 0)
      case 'audio':
        this.#lastAudio = Math.max(this.#frameTime(tag.timestamp, now), this.#lastAudio + 1)
        return this.#lastAudio
      default:
        this.#lastVideo = Math.max(this.#frameTime(tag.timestamp, now), this.#lastVideo + 1)
        return this.#lastVideo
    }
  }

  /** A picture that is none of the source's is shown from `timestamp` on, a time on the timeline, in ms. */
  insertPicture(timestamp: number): void {
    this.#lastVideo = Math.max(this.#lastVideo, timestamp)
  }

  #headerTime(timestamp: number): number {
    if (this.#offset === null) {
      this.#offset = this.#beginning() - timestamp
      this.#header = timestamp
    }
    return timestamp + this.#offset
  }

  #frameTime(timestamp: number, now: number): number {
    // FFmpeg writes headers at 0, also where it begins in the middle of a recording.
    if (this.#header !== null && Math.abs(timestamp - this.#header) > FAR_FROM_HEADER_MS) this.#offset = null
    this.#header = null
    this.#offset ??= this.#beginning() - timestamp
    const last = Math.max(this.#lastAudio, this.#lastVideo, 0)
    const passed = this.#placedAt === null ? 0 : now - this.#placedAt
    this.#placedAt = now
    const time = timestamp + this.#offset
    if (time - last <= MAX_LEAP_MS + passed && last - time <= MAX_LEAP_MS) return time
    // It goes on as much later as it came.
    const believed = last + Math.max(MIN_GAP_MS, Math.round(passed))
    this.#offset = believed - timestamp
    return believed
  }

  /** When the epoch begins, on the timeline. */
  #beginning(): number {
    const at = Math.round(this.#at)
    if (this.#placedAt === null) return Math.min(at, MAX_LEAP_MS)
    return Math.max(at, this.#lastAudio + MIN_GAP_MS, this.#lastVideo + MIN_GAP_MS)
  }
}
