import { unsupported } from './bounds.ts'

/** Pieces of a recording that may come at once: what a page holds back in an outage, or ten minutes of a file. */
const BURST = 100_000

/** And from then on, in a second of the gateway's clock. A recorder writes 60 pictures, and 50 to 400 pieces of sound (RFC 6716, 2.1.4). */
const A_SECOND = 2_000

/** How many elements and samples a recording may have: each costs the gateway and FFmpeg time, however small it is. */
export class Quota {
  readonly #now: () => number
  #left = BURST
  #at: number

  /** `now`: a monotonic clock, in ms. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now
    this.#at = now()
  }

  /** Counts `count` more. @throws GatewayError where that is too many */
  take(count: number): void {
    this.#left -= count
    if (this.#left >= 0) return
    const now = this.#now()
    this.#left = Math.min(BURST, this.#left + ((now - this.#at) * A_SECOND) / 1000)
    this.#at = now
    if (this.#left < 0) {
      throw unsupported(
        `The recording has more than ${A_SECOND} pictures, pieces of sound and other elements in a second.`,
      )
    }
  }
}
