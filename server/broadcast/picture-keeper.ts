import { type CardFormat, card } from '../flv/card.ts'
import { type BusTag, bodyOf } from '../flv/gop-cache.ts'
import { TAG_TYPE, type Tag } from '../flv/tag.ts'

/** How long a picture stands still before it is sent again, in ms: as often as keyframes should come. */
const STILL_MS = 2_000

/**
 * Sound that comes so long after the last, in ms, had to wait: what comes with it is from then, and pictures of that time may be right behind it.
 */
const WAITED_MS = 1_500
/** How long pictures are waited for then, in ms. */
const PATIENCE_MS = 10_000

/** Stillness of this many ms is told. */
const TOLD_MS = 10_000

/** Most that is sent again for that: pictures, and bytes. */
const MAX_PICTURES = 300
const MAX_BYTES = 1_500_000

/**
 * Keeps the picture of a broadcast that has one while none comes: players stop where one of their tracks does, segments end at keyframes, and whoever joins
 * begins at one. The picture that stands still is sent again, from its keyframe on; for a camera that was turned off there is a card.
 */
export class PictureKeeper {
  readonly #gop: () => readonly BusTag[]
  readonly #publish: (tag: Tag) => void
  readonly #tell: (isStill: boolean) => void
  /** When the source gave its last picture, and when one was sent, in ms of the bus; null before the first. */
  #given: number | null = null
  #last: number | null = null
  /** When that came, when sound came last, and since when it comes without a break, on the monotonic clock. */
  #lastAt = 0
  #soundAt = 0
  #flowsSince = 0
  #hasTold = false

  /**
   * `gop` gives what came since the last keyframe; `publish` puts a picture on the bus, at a time of the bus. `tell` is called when the picture has stood
   * still for a while, and when it moves again.
   */
  constructor(gop: () => readonly BusTag[], publish: (tag: Tag) => void, tell: (isStill: boolean) => void) {
    this.#gop = gop
    this.#publish = publish
    this.#tell = tell
  }

  /** The source gives a picture, at `now` on the monotonic clock. */
  sawPicture(timestamp: number, now: number): void {
    this.#given = timestamp
    this.#last = timestamp
    this.#lastAt = now
    if (this.#hasTold) this.#tell(false)
    this.#hasTold = false
  }

  /** Sound is on the bus, since `now` on the monotonic clock: it has the time. */
  sawSound(timestamp: number, now: number): void {
    if (now - this.#soundAt > WAITED_MS) this.#flowsSince = now
    this.#soundAt = now
    if (this.#last === null || timestamp - this.#last < STILL_MS) return
    const hadToWait = this.#flowsSince > this.#lastAt
    if (now - Math.max(this.#lastAt, this.#flowsSince) < (hadToWait ? PATIENCE_MS : STILL_MS)) return
    const pictures = this.#gop().filter(({ kind }) => kind !== 'audio')
    const bytes = pictures.reduce((sum, picture) => sum + picture.bytes.length, 0)
    // They are decoded in no time, and the last one of them is seen.
    const from = Math.max(this.#last + 1, timestamp - pictures.length + 1)
    this.#last = timestamp
    this.#lastAt = now
    if (!this.#hasTold && timestamp - (this.#given ?? timestamp) > TOLD_MS) {
      this.#hasTold = true
      this.#tell(true)
    }
    if (pictures.length > MAX_PICTURES || bytes > MAX_BYTES) return
    for (const [index, picture] of pictures.entries())
      this.#publish({ type: TAG_TYPE.video, timestamp: from + index, body: bodyOf(picture) })
  }

  /** The camera is off: from `timestamp` on, which is `now` on the monotonic clock, there is a card of this format. */
  turnOff(format: CardFormat, timestamp: number, now: number): void {
    const { header, keyframe } = card(format, timestamp)
    this.#given = null
    this.#last = timestamp
    this.#lastAt = now
    this.#publish(header)
    this.#publish(keyframe)
  }
}
