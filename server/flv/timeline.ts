import { kindOf, type Tag } from './tag.ts'

/**
 * Time between the last tag of an epoch and the first of the next, where their own times would overlap: a frame of sound (21 ms), and
 * as much again, since an AAC encoder's first frame lies before the recording begins.
 */
const LEAST_GAP_MS = 50

/**
 * Rewrites the timestamps of successive epochs, each of which begins at a time of its own, so that they go on without a
 * break. Within a track each frame is later than the one before it: recorders give two the same time now and then, which muxers refuse.
 */
export class Timeline {
  #offset: number | null = null
  #at = 0
  #lastAudio = -1
  #lastVideo = -1
  #begun = false

  /** Begins an epoch that was captured `at` ms after the first one began. */
  beginEpoch(at: number): void {
    this.#at = at
    this.#offset = null
  }

  /** The time of `tag` on the timeline, in ms. */
  place(tag: Tag): number {
    if (this.#offset === null) {
      const earliest = this.#begun ? Math.max(this.#lastAudio, this.#lastVideo) + LEAST_GAP_MS : 0
      this.#offset = Math.max(Math.round(this.#at), earliest) - tag.timestamp
      this.#begun = true
    }
    const time = tag.timestamp + this.#offset
    switch (kindOf(tag)) {
      case 'metadata':
        return Math.max(time, 0)
      case 'video-header':
        return Math.max(time, this.#lastVideo)
      case 'audio-header':
        return Math.max(time, this.#lastAudio)
      case 'audio':
        this.#lastAudio = Math.max(time, this.#lastAudio + 1)
        return this.#lastAudio
      default:
        this.#lastVideo = Math.max(time, this.#lastVideo + 1)
        return this.#lastVideo
    }
  }
}
