import { LOWEST_QUALITY, QUALITIES, type Quality } from './record/quality.ts'

/** Seconds of recording that wait for the server when the bitrate must go down, and when it may go up. */
const TOO_FAR_BEHIND_S = 1.2
const KEEPING_UP_S = 0.7
/** Time in which a change shows what it does. */
const SETTLE_MS = 3_000
/** Share of what the uplink delivers that the recorder is asked for: the rest brings down what waits. */
const SHARE = 0.6
/** Seconds in which what waits is to be gone. */
const CATCH_UP_S = 8
/** Share of what the uplink has shown to carry that the recorder may be asked for without a risk. */
const SAFE_SHARE = 0.8
/** How long all must be well before the bitrate goes up to what is safe. */
const SAFE_PATIENCE_MS = 4_000
/** The same where it is a trial: doubled whenever that was too much. */
const MIN_PATIENCE_MS = 20_000
const MAX_PATIENCE_MS = 160_000

/** What is looked at, about once a second. */
export interface Observation {
  /** In ms, of any clock that goes on. */
  now: number
  /** Seconds since the oldest recorded piece that the server has not acknowledged. */
  behind: number
  /** Bits of recording that it has not acknowledged. */
  waiting: number
  /** Bits a second that it acknowledged lately. */
  delivered: number
  /** Bits a second that the uplink has carried lately, if only for a moment. */
  capacity: number
  /** Whether it acknowledged anything since the last look: where it did not, the uplink is not slow, but gone for a moment. */
  progressing: boolean
}

/**
 * Fits the quality to the uplink: a recorder's bitrate is fixed, so a slow uplink would make the delay grow without end. It goes down
 * to what the uplink delivers, and up again step by step.
 */
export class Adaptation {
  /** From the one that the person chose down to the least. */
  readonly #ladder: Quality[]
  #rung = 0
  #settleFrom = Number.NEGATIVE_INFINITY
  #climbedAt = Number.NEGATIVE_INFINITY
  #wellSince: number | null = null
  #patience = MIN_PATIENCE_MS
  #before = 0

  constructor(chosen: Quality) {
    const lower = [...QUALITIES, LOWEST_QUALITY].filter(
      (quality) => quality.videoBitsPerSecond < chosen.videoBitsPerSecond,
    )
    this.#ladder = [chosen, ...lower]
  }

  /** The quality to go on with, where it is another one than now; else null. */
  observe({ now, behind, waiting, delivered, capacity, progressing }: Observation): Quality | null {
    const growing = behind >= this.#before
    this.#before = behind
    if (now - this.#settleFrom < SETTLE_MS) return null
    const spare = delivered - bits(this.#current)
    const isTooMuch = growing || waiting > spare * CATCH_UP_S
    if (behind > TOO_FAR_BEHIND_S && isTooMuch && progressing) return this.#down(now, waiting, delivered)
    if (behind > KEEPING_UP_S) {
      this.#wellSince = null
      return null
    }
    this.#wellSince ??= now
    const next = this.#ladder[this.#rung - 1]
    if (!next) return null
    const isSafe = bits(next) <= capacity * SAFE_SHARE
    return now - this.#wellSince >= (isSafe ? SAFE_PATIENCE_MS : this.#patience) ? this.#up(now) : null
  }

  /** The connection is back: what waited meanwhile says nothing about the uplink, and gets its time to go out. */
  reconnected(now: number): void {
    this.#settleFrom = now
  }

  get #current(): Quality {
    return this.#ladder[this.#rung] ?? LOWEST_QUALITY
  }

  #down(now: number, waiting: number, delivered: number): Quality | null {
    this.#wellSince = null
    if (this.#rung === this.#ladder.length - 1) return null
    // Going up was too much: the next attempt comes later.
    const fellBack = now - this.#climbedAt < 2 * this.#patience
    this.#patience = fellBack ? Math.min(MAX_PATIENCE_MS, 2 * this.#patience) : MIN_PATIENCE_MS
    const room = Math.min(delivered * SHARE, delivered - waiting / CATCH_UP_S)
    const fits = this.#ladder.findIndex((quality) => bits(quality) <= room)
    return this.#change(now, Math.max(this.#rung + 1, fits < 0 ? this.#ladder.length - 1 : fits))
  }

  #up(now: number): Quality {
    this.#wellSince = now
    this.#climbedAt = now
    return this.#change(now, this.#rung - 1)
  }

  #change(now: number, rung: number): Quality {
    this.#rung = rung
    this.#settleFrom = now
    return this.#current
  }
}

function bits({ videoBitsPerSecond, audioBitsPerSecond }: Quality): number {
  return videoBitsPerSecond + audioBitsPerSecond
}
