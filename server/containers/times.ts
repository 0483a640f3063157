import { unsupported } from './bounds.ts'
import type { Pieces, TrackKind } from './scanner.ts'

/** A longer gap in a track is not filled, nor a step back of its time followed, in ms. */
const MAX_GAP_MS = 10_000

/** A longer sample within a fragment cannot be told from a jump, in ms: slides stand for minutes. */
const MAX_SAMPLE_MS = 10 * 60_000

/** The times of a recording's pictures and sound: finds those that jump. */
export class Times {
  readonly #filled: Record<TrackKind, boolean>
  readonly #last: Record<TrackKind, number | null> = { video: null, audio: null }
  #first = 0
  #latest: number | null = null

  /** `filled`: the tracks whose gaps are filled by what reads them. */
  constructor(filled: Record<TrackKind, boolean>) {
    this.#filled = filled
  }

  /** How much of the recording was seen since the last jump, in ms. */
  get span(): number {
    return this.#latest === null ? 0 : this.#latest - this.#first
  }

  /**
   * Takes the times of the next pieces, in ms. Gives a sentence where they jump so far that what fills gaps must begin anew; else null.
   * @throws GatewayError where one lasts longer than any recorder writes
   */
  see(all: readonly Pieces[]): string | null {
    const jump = all.map((pieces) => this.#jumpOf(pieces)).find((words) => words !== null) ?? null
    if (jump !== null) {
      this.#last.video = null
      this.#last.audio = null
      this.#latest = null
    }
    for (const { kind, first, last } of all) {
      this.#last[kind] = last
      if (this.#latest === null) this.#first = first
      this.#latest = Math.max(this.#latest ?? last, last)
    }
    return jump
  }

  /**
   * A track of its own jumps where it is filled: slides stand while the sound goes on. Where all of them jump, the first of them tells it, so that
   * none of what belongs together is on the other side.
   */
  #jumpOf({ kind, first, longest }: Pieces): string | null {
    if (!this.#filled.video && !this.#filled.audio) return null
    if (this.#filled[kind] && longest > MAX_SAMPLE_MS) {
      throw unsupported('The recording has a picture, or a piece of sound, that lasts longer than any recorder writes.')
    }
    const own = this.#filled[kind] ? this.#last[kind] : null
    const jumps = [own, this.#latest].filter((before) => before !== null).map((before) => first - before)
    const far = jumps.find((ahead) => Math.abs(ahead) > MAX_GAP_MS)
    return far === undefined ? null : inWords(kind, far)
  }
}

function inWords(kind: TrackKind, ahead: number): string {
  const what = kind === 'video' ? 'picture' : 'sound'
  return `The time of the ${what} jumps by ${Math.round(ahead / 1000)} s.`
}
