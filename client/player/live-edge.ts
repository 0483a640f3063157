/** How much is left in the buffer at most, in s, before the next piece comes: the margin grows where it is too little. */
const MAX_MARGIN = 2
const AFTER_STALL = 0.1

/** A playback without a stall for so long may try with less again, in s, and by how much. */
const CALM_S = 30
const AFTER_CALM = 0.05

/** The buffer goes up and down with the chunks: its lowest level in so many s counts. */
const WINDOW_S = 0.6

/** So much above the margin, in s, it is worth to catch up. */
const SLACK = 0.08

/** How much faster and slower it plays: no one hears it. */
const FASTER = 1.1
const SLOWER = 0.94

/** Further behind than that, in s, it jumps. */
const JUMP_S = 1

/** What to do next: play at a rate, or jump to so many s before the end of the buffer. */
export type Step = { kind: 'rate'; rate: number } | { kind: 'jump'; behindEnd: number }

/** What a way to play needs of its buffer, in s. */
export interface EdgeNeeds {
  /** Left in the buffer at least, before the next piece comes. */
  leastMargin: number
  /** How far behind it jumps at the beginning, which may be a keyframe some time ago. */
  firstJump: number
}

/** Keeps a live playback near the end of what has arrived: plays a little faster or slower, and jumps when it is far behind. */
export class LiveEdge {
  readonly #leastMargin: number
  #margin: number
  #calmSince = 0
  #catchingUp = false
  #jumpFrom: number
  readonly #levels: { at: number; buffered: number }[] = []

  constructor({ leastMargin, firstJump }: EdgeNeeds) {
    this.#leastMargin = leastMargin
    this.#margin = leastMargin
    this.#jumpFrom = firstJump
  }

  /** Where to jump to, in s before the end of the buffer. */
  get behindEnd(): number {
    return this.#margin + 0.2
  }

  /** The buffer ran empty: more is left in it from now on. `now` in s. */
  stalled(now: number): void {
    this.#margin = Math.min(MAX_MARGIN, this.#margin + AFTER_STALL)
    this.#calmSince = now
  }

  /** What to do where `buffered` s are ahead of the picture. `now` in s. */
  next(buffered: number, now: number): Step {
    if (now - this.#calmSince > CALM_S) {
      this.#margin = Math.max(this.#leastMargin, this.#margin - AFTER_CALM)
      this.#calmSince = now
    }
    this.#levels.push({ at: now, buffered })
    while (now - (this.#levels[0]?.at ?? now) > WINDOW_S) this.#levels.shift()
    const lowest = Math.min(...this.#levels.map((level) => level.buffered))
    const jumps = lowest > this.behindEnd + this.#jumpFrom
    this.#jumpFrom = JUMP_S
    if (jumps) {
      this.#levels.length = 0
      return { kind: 'jump', behindEnd: this.behindEnd }
    }
    if (lowest > this.#margin + SLACK) this.#catchingUp = true
    else if (lowest <= this.#margin) this.#catchingUp = false
    if (this.#catchingUp) return { kind: 'rate', rate: FASTER }
    return { kind: 'rate', rate: buffered < this.#margin / 2 ? SLOWER : 1 }
  }
}
