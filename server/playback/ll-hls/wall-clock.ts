/** A date may be so much earlier than the times of the media say, in ms, before it is set anew. */
const DRIFT_MS = 20

/**
 * When what is at a time on the bus was captured, as near as its arrival tells: the frame that came soonest after its time was hardly delayed. So no date is
 * ahead of the clock (RFC 8216bis, 4.4.4.6).
 */
export class WallClock {
  /** Time 0 of the bus, in ms since 1970, as dates are told by it, and as the frames say that came since. */
  #told: number | null = null
  #least = Number.POSITIVE_INFINITY
  #last = 0

  /** A frame at `timestamp`, in ms, came at `now`, in ms since 1970. */
  note(timestamp: number, now: number): void {
    this.#least = Math.min(this.#least, now - timestamp)
  }

  /** Times have jumped: what came before says nothing of what comes. */
  reset(): void {
    this.#told = null
    this.#least = Number.POSITIVE_INFINITY
  }

  /** The date of `timestamp`, in ms since 1970. It is never before one that was told. */
  at(timestamp: number): number {
    if (this.#told === null || this.#told - this.#least > DRIFT_MS) this.#told = this.#least
    this.#last = Math.max(this.#last, this.#told + timestamp)
    return this.#last
  }
}
