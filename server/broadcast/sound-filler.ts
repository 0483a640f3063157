import { Silence } from '../flv/silence.ts'
import { TAG_TYPE, type Tag } from '../flv/tag.ts'

/** Sound that is later than this is missed by players: they stop where one of their tracks does. */
const LATE_MS = 500
/** For so long sound that is late is waited for: an MP4 holds all pictures of a second before all of its sound. */
const WAIT_MS = 500
/** The most that sound may be behind the picture for good, where it is each time it comes. */
const MAX_LATE_MS = 10_000
/** Pictures that are further apart than this, in ms, are rare: that none comes does not tell that the line is cut. */
const RARE_MS = 400
/** How much of that is believed at the next picture. */
const STEP_FORGOTTEN = 0.8
/** How far silence that goes by the clock stays behind it, in ms: a picture on its way is not overtaken. */
const BEHIND_CLOCK_MS = 400
/** Times that are further apart are no lateness, but a jump. */
const JUMP_MS = 10_000

/**
 * Fills what is missing of the sound of one epoch with silence: all of it, where the epoch has none, and whatever falls behind its picture by more than
 * half a second and does not come within another, until the sound is back. Sound that comes for a time that is filled is left out; where it always comes so late, it is waited for longer.
 */
export class SoundFiller {
  readonly #publish: (tag: Tag) => void
  readonly #tell: (isFilling: boolean) => void
  #isSilent: boolean
  /** The header of the sound itself; null before it came. */
  #header: Tag | null = null
  /** Where the sound ends that went out; null before the first picture. */
  #end: number | null = null
  #lastPicture = Number.NEGATIVE_INFINITY
  /** When the last picture came, on the monotonic clock, and the longest time to the next one lately; 0 before the second. */
  #pictureAt: number | null = null
  #longestStep = 0
  /** Since when late sound is waited for, by `performance.now()`; null while none is. */
  #waitsSince: number | null = null
  /** While silence stands in. */
  #silence: Silence | null = null
  /** Up to where silence went out, while no later sound did. */
  #filledUntil: number | null = null
  /** Whether the header on the bus is that of the silence. */
  #isOwnHeader = false
  #toleranceMs = LATE_MS
  /** Length of a piece of sound, in ms. */
  #frameMs = new Silence(0).frameMs

  /** `tell` is called when silence begins to stand in for sound that the epoch has, and when the sound is back. */
  constructor(publish: (tag: Tag) => void, isSilent: boolean, tell: (isFilling: boolean) => void) {
    this.#publish = publish
    this.#isSilent = isSilent
    this.#tell = tell
  }

  /** The epoch had no sound, and has it from now on: it goes on where the silence ends. */
  gainSound(): void {
    this.#isSilent = false
    this.#filledUntil = this.#end
  }

  /** Notes an audio header that goes out. */
  sawHeader(tag: Tag): void {
    this.#header = tag
    this.#frameMs = new Silence(0, tag.body).frameMs
    this.#isOwnHeader = false
    this.#silence = null
  }

  /** Whether this piece of sound goes out; the header that it needs does so before it. */
  takes({ timestamp }: Tag): boolean {
    const filled = this.#filledUntil
    if (filled !== null && timestamp < filled - 1 && filled - timestamp < JUMP_MS) {
      const late = this.#lastPicture - timestamp
      this.#toleranceMs = Math.min(MAX_LATE_MS, Math.max(this.#toleranceMs, late + LATE_MS))
      this.#silence = null
      return false
    }
    if (filled !== null) {
      this.#tell(false)
      this.#filledUntil = null
      this.#silence = null
    }
    if (this.#isOwnHeader && this.#header) this.#publish({ ...this.#header, timestamp })
    this.#isOwnHeader = false
    this.#end = timestamp + this.#frameMs
    this.#waitsSince = null
    return true
  }

  /** A header of the pictures went out: where there is no sound, that of the silence follows. */
  sawPictureHeader(timestamp: number): void {
    if (this.#isSilent) this.#fill(timestamp)
  }

  /** Fills the sound up to a picture that goes out at `timestamp`. */
  sawPicture(timestamp: number): void {
    const now = performance.now()
    if (this.#pictureAt !== null)
      this.#longestStep = Math.max(now - this.#pictureAt, this.#longestStep * STEP_FORGOTTEN)
    this.#pictureAt = now
    this.#fill(timestamp)
  }

  /** Goes on with silence up to `now`, on the monotonic clock in ms, where there is no sound and pictures are rare. */
  tick(now: number): void {
    if (!this.#isSilent || this.#pictureAt === null) return
    const passed = now - this.#pictureAt
    const areRare = this.#longestStep > RARE_MS || this.#longestStep === 0
    if (areRare && passed > BEHIND_CLOCK_MS + RARE_MS) this.#fill(this.#lastPicture + passed - BEHIND_CLOCK_MS, false)
  }

  #fill(timestamp: number, isPicture = true): void {
    // Time jumped back: what went out says nothing any more.
    if (timestamp < this.#lastPicture - JUMP_MS) this.#end = null
    if (isPicture) this.#lastPicture = timestamp
    this.#end ??= timestamp
    if (this.#silence === null) {
      if (!this.#isSilent && !this.#isMissing(timestamp - this.#end)) return
      this.#begin(this.#end)
    }
    if (this.#silence === null) return
    for (const tag of this.#silence.upTo(timestamp)) this.#publish(tag)
    this.#end = this.#silence.end
    if (!this.#isSilent) this.#filledUntil = this.#end
  }

  /** Whether sound that is `lateMs` behind its picture will not come any more. */
  #isMissing(lateMs: number): boolean {
    if (lateMs <= this.#toleranceMs) return false
    if (lateMs > MAX_LATE_MS) return true
    this.#waitsSince ??= performance.now()
    return performance.now() - this.#waitsSince >= WAIT_MS
  }

  #begin(from: number): void {
    const silence = new Silence(from, this.#header?.body)
    this.#silence = silence
    this.#waitsSince = null
    if (silence.header !== this.#header?.body && !this.#isOwnHeader) {
      this.#publish({ type: TAG_TYPE.audio, timestamp: from, body: silence.header })
      this.#isOwnHeader = true
    }
    if (!this.#isSilent && this.#filledUntil === null) this.#tell(true)
  }
}
