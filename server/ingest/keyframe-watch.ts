import type { Logger } from 'pino'
import type { Broadcast } from '../broadcast/broadcast.ts'
import type { MediaKind } from '../flv/media.ts'

/** Pictures that come for so long without a keyframe among them are worth a warning, in ms. */
const NO_KEYFRAME_MS = 15_000

/** Keyframes that are further apart than this are worth a word, in ms: nobody can begin between them. */
const RARE_KEYFRAMES_MS = 5_500

/** How many steps from one keyframe to the next have to be short until it is taken back. */
const FORGIVEN_AFTER = 3

const NONE =
  'The encoder sends no keyframes: nobody can begin to watch. Set its keyframe interval to 2 s, and turn intra-refresh off.'

/** What to say of keyframes that are so far apart, in ms. */
const rare = (ms: number) =>
  `Keyframes of the encoder are up to ${Math.round(ms / 1000)} s apart: viewers begin late, and segments are long. Set its keyframe interval to 2 s.`

/** Looks for encoders whose keyframes are rare, or do not come at all, as with x264's intra-refresh: nobody could begin to watch. */
export class KeyframeWatch {
  readonly #broadcast: Broadcast
  readonly #log: Logger
  /** When the last keyframe came, on the monotonic clock; null before the first. */
  #last: number | null = null
  /** When pictures came without a keyframe first; null while there are keyframes. */
  #since: number | null = null
  /** Steps that were short since the last one that was long; null where none was. */
  #shortSteps: number | null = null
  readonly #said = new Set<'none' | 'rare'>()

  constructor(broadcast: Broadcast, log: Logger) {
    this.#broadcast = broadcast
    this.#log = log
  }

  /** A picture came. */
  saw(kind: MediaKind): void {
    const now = performance.now()
    if (kind === 'keyframe') return this.#sawKeyframe(now)
    this.#since ??= now
    if (now - this.#since >= NO_KEYFRAME_MS) this.#advise('none', NONE)
  }

  #sawKeyframe(now: number): void {
    const step = this.#last === null ? 0 : now - this.#last
    // Of pictures that are rare each one is a keyframe, or nearly.
    const isLong = step > RARE_KEYFRAMES_MS && this.#since !== null
    this.#last = now
    this.#since = null
    if (isLong) {
      this.#shortSteps = 0
      return this.#advise('rare', rare(step))
    }
    if (this.#shortSteps !== null && ++this.#shortSteps < FORGIVEN_AFTER) return
    this.#shortSteps = null
    this.#broadcast.advise('keyframes', null)
  }

  #advise(what: 'none' | 'rare', words: string): void {
    this.#broadcast.advise('keyframes', words)
    if (!this.#said.has(what)) this.#log.warn({ reason: words }, 'what the encoder sends is hard to watch')
    this.#said.add(what)
  }
}
