/** How much is kept in the buffer, in s: a recorder's chunks come every 0.25 s or less. It grows where that is too little. */
const LEAST_AHEAD = 0.35
const MOST_AHEAD = 2
const AFTER_STALL = 0.15

/** A playback without a stall for so long may try with less again, in s, and by how much. */
const CALM_S = 30
const AFTER_CALM = 0.05

/** How much faster and slower it plays: no one hears it. */
const FASTER = 1.08
const SLOWER = 0.94

/** Further behind than that, in s, it jumps. */
const JUMP_S = 3

/** What to do next. */
export type Step = { kind: 'rate'; rate: number } | { kind: 'jump'; behindEdge: number }

/** Keeps a live playback near the end of what has arrived: plays a little faster or slower, and jumps when it is far behind. */
export class LiveEdge {
  #ahead = LEAST_AHEAD
  #calmSince = 0
  #catchingUp = false

  /** Seconds that are kept in the buffer. */
  get aheadSeconds(): number {
    return this.#ahead
  }

  /** The buffer ran empty: more is kept from now on. `now` in s. */
  stalled(now: number): void {
    this.#ahead = Math.min(MOST_AHEAD, this.#ahead + AFTER_STALL)
    this.#calmSince = now
  }

  /** What to do where `buffered` s are ahead of the picture. `now` in s. */
  next(buffered: number, now: number): Step {
    if (now - this.#calmSince > CALM_S) {
      this.#ahead = Math.max(LEAST_AHEAD, this.#ahead - AFTER_CALM)
      this.#calmSince = now
    }
    if (buffered > this.#ahead + JUMP_S) return { kind: 'jump', behindEdge: this.#ahead }
    // What has arrived comes in chunks: it is caught up with down to the target, and left alone until it is well above.
    if (buffered > this.#ahead + 0.3) this.#catchingUp = true
    else if (buffered < this.#ahead) this.#catchingUp = false
    if (this.#catchingUp) return { kind: 'rate', rate: FASTER }
    return { kind: 'rate', rate: buffered < this.#ahead / 3 ? SLOWER : 1 }
  }
}
