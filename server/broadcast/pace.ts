/**
 * How much later than usual frames come: the uplink and FFmpeg delay all of them a little, and what exceeds the least delay that was seen
 * is what they are behind.
 */
export class Pace {
  #leastMs = Number.POSITIVE_INFINITY
  #latest: number | null = null

  /** A frame with this time on the timeline came. Both times in ms. */
  note(timestamp: number, now: number): void {
    this.#leastMs = Math.min(this.#leastMs, now - timestamp)
    this.#latest = Math.max(this.#latest ?? timestamp, timestamp)
  }

  /** How much later the next frame will be than usual, if it came now; 0 before the first. */
  behindMs(now: number): number {
    if (this.#latest === null) return 0
    return Math.max(0, Math.round(now - this.#latest - this.#leastMs))
  }
}
