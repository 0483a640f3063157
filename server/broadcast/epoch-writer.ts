import { isEndOfSequence, isWholeHeader, ParameterSetWatch } from '../flv/avc.ts'
import { isPictureKind, kindOf, TAG_TYPE, type Tag, type TagKind } from '../flv/tag.ts'
import { SoundFiller } from './sound-filler.ts'

/**
 * Makes the tags of one epoch fit for the bus: a picture header goes before a keyframe that brings its own, and silence goes
 * beside a picture whose sound is missing. After another FFmpeg took over, what went out already is left out.
 */
export class EpochWriter {
  readonly #publish: (tag: Tag) => void
  readonly #parameterSets = new ParameterSetWatch()
  readonly #sound: SoundFiller
  /** Headers that went out, by kind: the same one again says nothing new. */
  readonly #headers = new Map<TagKind, Buffer>()
  /** Time of the last picture and sound that went out, as the epoch counts. */
  readonly #last = { audio: Number.NEGATIVE_INFINITY, video: Number.NEGATIVE_INFINITY }
  /** What is not later than this went out before the FFmpeg was lost that made it. */
  #repeated = { ...this.#last }

  /**
   * `publish` puts a tag on the bus; `silent` says that the epoch has a picture and no sound. `tellFilling` is told when silence stands in for sound
   * that it has, and when that is back.
   */
  constructor(publish: (tag: Tag) => void, silent: boolean, tellFilling: (isFilling: boolean) => void) {
    this.#publish = publish
    this.#sound = new SoundFiller(publish, silent, tellFilling)
  }

  /** From now on another FFmpeg gives the tags, from a keyframe on that may be out already: what went out is not written again. */
  resume(): void {
    this.#repeated = { ...this.#last }
  }

  /** The epoch, which had no sound, has it from now on. */
  gainSound(): void {
    this.#sound.gainSound()
  }

  /** Takes the next tag of the epoch. */
  write(tag: Tag): void {
    // The end of an epoch is not that of the broadcast, and a tag without a picture is no keyframe.
    if (isEndOfSequence(tag)) return
    const kind = kindOf(tag)
    if (this.#isRepeat(kind, tag)) return
    switch (kind) {
      case 'video-header':
        if (!isWholeHeader(tag)) return
        this.#parameterSets.saw(tag)
        break
      case 'keyframe': {
        const header = this.#parameterSets.headerBefore(tag)
        if (header) this.#publish(header)
        break
      }
    }
    if (kind === 'audio-header') this.#sound.sawHeader(tag)
    if (kind === 'audio' && !this.#sound.takes(tag)) return
    // Sound has the time for those who listen: it is there up to a picture before that comes.
    if (isPictureKind(kind)) this.#sound.sawPicture(tag.timestamp)
    this.#publish(tag)
    if (kind === 'video-header') this.#sound.sawPictureHeader(tag.timestamp)
  }

  /** Looks at the clock: pictures may be rare. `now` is on the monotonic clock, in ms. */
  tick(now: number): void {
    this.#sound.tick(now)
  }

  #isRepeat(kind: TagKind, tag: Tag): boolean {
    if (kind === 'metadata' || kind === 'video-header' || kind === 'audio-header') {
      if (this.#headers.get(kind)?.equals(tag.body)) return true
      this.#headers.set(kind, Buffer.from(tag.body))
      return false
    }
    const track = tag.type === TAG_TYPE.video ? 'video' : 'audio'
    if (tag.timestamp <= this.#repeated[track]) return true
    this.#last[track] = tag.timestamp
    return false
  }
}
