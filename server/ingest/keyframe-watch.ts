import type { Logger } from 'pino'
import type { Broadcast } from '../broadcast/broadcast.ts'
import type { MediaKind } from '../flv/media.ts'

/** Pictures that come for so long without a keyframe among them are worth a warning. */
const NO_KEYFRAME_MS = 15_000

const WORDS =
  'The encoder sends no keyframes: nobody can begin to watch. Set its keyframe interval to 2 s, and turn intra-refresh off.'

/** Looks for encoders that send no keyframes after the first, as x264 does with intra-refresh: nobody could begin to watch. */
export class KeyframeWatch {
  readonly #broadcast: Broadcast
  readonly #log: Logger
  /** When pictures came without a keyframe first, on the monotonic clock; null while all is well. */
  #since: number | null = null
  #hasSaid = false

  constructor(broadcast: Broadcast, log: Logger) {
    this.#broadcast = broadcast
    this.#log = log
  }

  /** A picture came. */
  saw(kind: MediaKind): void {
    if (kind === 'keyframe') {
      if (this.#since !== null) this.#broadcast.advise('keyframes', null)
      this.#since = null
      return
    }
    const now = performance.now()
    this.#since ??= now
    if (now - this.#since < NO_KEYFRAME_MS) return
    this.#broadcast.advise('keyframes', WORDS)
    if (!this.#hasSaid) this.#log.warn({ reason: WORDS }, 'what the encoder sends is of no use')
    this.#hasSaid = true
  }
}
