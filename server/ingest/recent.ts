/** Counts what happened lately, by the monotonic clock. */
export class Recent {
  readonly #periodMs: number
  #times: number[] = []

  constructor(periodMs: number) {
    this.#periodMs = periodMs
  }

  /** It happened once more; gives how often it did in the period. */
  note(): number {
    const now = performance.now()
    this.#times = [...this.#times.filter((at) => now - at < this.#periodMs), now]
    return this.#times.length
  }
}
