import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks'

/** How often the loop is timed, in ms: each time wakes a process that may have nothing else to do. */
const RESOLUTION_MS = 20

/** How late the event loop is, while there is something for it to do. */
export class EventLoopLag {
  readonly #histogram: IntervalHistogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  #isOn = false

  /** Times the loop from now on, or no longer. */
  follow(isBusy: boolean): void {
    if (isBusy === this.#isOn) return
    this.#isOn = isBusy
    if (isBusy) this.#histogram.enable()
    else {
      this.#histogram.disable()
      this.#histogram.reset()
    }
  }

  /** What 99 of 100 turns were not later than, in s, since it was asked last; 0 while the loop is not timed. */
  p99Seconds(): number {
    if (!this.#isOn || this.#histogram.count === 0) return 0
    const seconds = this.#histogram.percentile(99) / 1e9 - RESOLUTION_MS / 1000
    this.#histogram.reset()
    return Math.max(0, seconds)
  }
}
