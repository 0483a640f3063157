/** What comes soonest was captured so long before, at least, in ms: it was encoded, and sent. A later frame may be as much quicker. */
const QUICKEST_MS = 100

/**
 * When what is at a time on the bus was captured: as the publisher says, or as near as its arrival tells, since the frame that came soonest after its time
 * was hardly delayed. No date is ahead of the clock (RFC 8216bis, 4.4.4.6).
 */
export class WallClock {
  readonly #capturedFrom: () => number | null
  /** Time 0 of the bus, in ms since 1970, as dates are told by it, and as the frames say that came since. */
  #told: number | null = null
  #least = Number.POSITIVE_INFINITY
  #last = 0

  /** `capturedFrom` gives time 0 of the bus, in ms since 1970, as the publisher says it; null where it says nothing. */
  constructor(capturedFrom: () => number | null) {
    this.#capturedFrom = capturedFrom
  }

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
    this.#told ??= this.#capturedFrom()
    // Dates are not to leap, but less so to be in the future.
    if (this.#told === null || this.#told > this.#least) this.#told = this.#least - QUICKEST_MS
    this.#last = Math.max(this.#last, this.#told + timestamp)
    return this.#last
  }
}
