import { TAG_TYPE, type Tag } from './tag.ts'

/** Time between the last tag of an epoch and the first of the next, where their own times would overlap: one frame. */
const LEAST_GAP_MS = 33

/**
 * Rewrites the timestamps of successive epochs, each of which begins at a time of its own, so that they go on without a
 * break. Within a track no time is smaller than the one before it.
 */
export class Timeline {
  #offset: number | null = null
  #at = 0
  #lastAudio = 0
  #lastVideo = 0
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
    if (tag.type === TAG_TYPE.audio) {
      this.#lastAudio = Math.max(time, this.#lastAudio)
      return this.#lastAudio
    }
    if (tag.type === TAG_TYPE.video) {
      this.#lastVideo = Math.max(time, this.#lastVideo)
      return this.#lastVideo
    }
    return Math.max(time, 0)
  }
}
