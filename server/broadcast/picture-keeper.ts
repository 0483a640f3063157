import type { CardFormat } from '../flv/card.ts'
import { card } from '../flv/card.ts'
import { type BusTag, bodyOf } from '../flv/gop-cache.ts'
import { TAG_TYPE, type Tag } from '../flv/tag.ts'

/** How long a picture stands still before it is sent again, in ms: as often as keyframes should come. */
const STILL_MS = 2_000

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
  /** When the last picture was on the bus, in ms; null before the first. */
  #last: number | null = null

  /** `gop` gives what came since the last keyframe; `publish` puts a picture on the bus, at a time of the bus. */
  constructor(gop: () => readonly BusTag[], publish: (tag: Tag) => void) {
    this.#gop = gop
    this.#publish = publish
  }

  /** A picture is on the bus. */
  sawPicture(timestamp: number): void {
    this.#last = timestamp
  }

  /** Sound is on the bus: it has the time. */
  sawSound(timestamp: number): void {
    if (this.#last === null || timestamp - this.#last < STILL_MS) return
    const pictures = this.#gop().filter(({ kind }) => kind !== 'audio')
    const bytes = pictures.reduce((sum, picture) => sum + picture.bytes.length, 0)
    // They are decoded in no time, and the last one of them is seen.
    const from = Math.max(this.#last + 1, timestamp - pictures.length + 1)
    this.#last = timestamp
    if (pictures.length > MAX_PICTURES || bytes > MAX_BYTES) return
    for (const [index, picture] of pictures.entries())
      this.#publish({ type: TAG_TYPE.video, timestamp: from + index, body: bodyOf(picture) })
  }

  /** The camera is off: from `timestamp` on there is a card of this format. */
  turnOff(format: CardFormat, timestamp: number): void {
    const { header, keyframe } = card(format, timestamp)
    this.#publish(header)
    this.#publish(keyframe)
  }
}
