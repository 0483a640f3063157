import { Unwrapper } from './rtp.ts'

/** Most that a time is moved by, from one frame to the next, in ms: nobody sees or hears it. */
const MAX_STEP_MS = 2
/** Reports that put picture and sound further apart are not to be believed. */
const MAX_APART_MS = 10_000

/**
 * Places what comes of one source in time, in ms of the monotonic clock. The first packet is now; later ones are where their timestamps say. One that
 * comes early shows that the first was late. Sender reports tell how picture and sound belong together, and are followed slowly.
 */
export class MediaClock {
  readonly #rate: number
  readonly #unwrapper = new Unwrapper(32)
  /** What is added to the time of the source. */
  #offset: number | null = null
  #target = 0
  /** What is added to it for the sender's clock; null before its first report. */
  #senderOffset: number | null = null
  #follows = false
  #last = Number.NEGATIVE_INFINITY

  /** `rate`: of its timestamps, in Hz. */
  constructor(rate: number) {
    this.#rate = rate
  }

  /** When a frame was captured that came at `now`; never before the one before. */
  timeOf(timestamp: number, now: number): number {
    const own = this.#own(timestamp)
    if (this.#offset === null) {
      this.#offset = now - own
      this.#target = this.#offset
    }
    if (!this.#follows) this.#target = Math.min(this.#target, now - own)
    this.#offset += Math.max(-MAX_STEP_MS, Math.min(MAX_STEP_MS, this.#target - this.#offset))
    this.#last = Math.max(this.#last, own + this.#offset)
    return this.#last
  }

  /** The sender says that `timestamp` was at `sentAt` of its clock, in ms. */
  report(timestamp: number, sentAt: number): void {
    this.#senderOffset = sentAt - this.#own(timestamp)
  }

  /** Goes by another source of the same sender, as their reports say. */
  follow(leader: MediaClock): void {
    if (this.#offset === null || leader.#offset === null) return
    if (this.#senderOffset === null || leader.#senderOffset === null) return
    const target = leader.#offset + this.#senderOffset - leader.#senderOffset
    if (Math.abs(target - this.#offset) > MAX_APART_MS) return
    this.#follows = true
    this.#target = target
  }

  #own(timestamp: number): number {
    return (this.#unwrapper.next(timestamp) / this.#rate) * 1000
  }
}
