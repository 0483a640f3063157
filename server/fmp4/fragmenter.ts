import { AAC_FRAME_SAMPLES, AAC_PACKET_HEADER_BYTES, type AacConfig } from '../flv/aac.ts'
import { AVC_PACKET_HEADER_BYTES } from '../flv/avc.ts'
import { type BusTag, bodyOf } from '../flv/gop-cache.ts'
import { silentBlock } from '../flv/silence.ts'
import { fragment, type Sample } from './fragment.ts'
import { AUDIO_TRACK_ID, type Tracks, VIDEO_TIMESCALE, VIDEO_TRACK_ID } from './init-section.ts'

const TICKS_OF_MS = VIDEO_TIMESCALE / 1000

/** The duration of a picture after which nothing came. */
const USUAL_FRAME_MS = 33

/**
 * How far the times of sound may be from what its samples add up to. FLV rounds them to ms, and an epoch begins a little later than the
 * last one ended.
 */
const AUDIO_TOLERANCE_MS = 30

/** A picture is shown again by decoding it once more from its keyframe on, where that is no more than so many pictures and bytes. */
const MAX_REPEATED = 8
const MAX_REPEATED_BYTES = 512 * 1024

/** A picture whose end is not known yet. Times are in ticks. */
interface Held {
  from: number
  compositionOffset: number
  keyframe: boolean
  data: Buffer
}

/** Turns the frames of one epoch's tracks into fragments. A picture is held until the next one says how long it is shown. */
export class Fragmenter {
  readonly #tracks: Tracks
  #video: Sample[] = []
  #audio: Sample[] = []
  /** When the first of those samples are decoded, in ticks of their tracks. */
  #videoFrom = 0
  #audioFrom = 0
  /** When the next sound begins, in samples; null before the first. */
  #audioNext: number | null = null
  #held: Held | null = null
  /** Where the next picture begins at the earliest, in ticks. */
  #floor = 0
  /** The pictures since the last keyframe; null where there are too many to show the last one again. */
  #gop: Held[] | null = null
  #gopBytes = 0
  #lastVideoTicks = USUAL_FRAME_MS * TICKS_OF_MS

  constructor(tracks: Tracks) {
    this.#tracks = tracks
  }

  /**
   * Takes a frame, at the time of its tag. A picture begins no earlier than `notBefore`, in ms, and the one before it is settled first:
   * {@link settle}.
   */
  add(tag: BusTag, notBefore = 0): void {
    const { video, audio } = this.#tracks
    if (tag.kind === 'audio') {
      if (audio) this.#addSound(tag, audio)
    } else if (video) this.#hold(tag, notBefore)
  }

  /** Whether there is nothing that a fragment could be made of. */
  get isEmpty(): boolean {
    return this.#held === null && this.#video.length === 0 && this.#audio.length === 0
  }

  /** When the picture began that is held, in ms; null where none is. */
  get heldFrom(): number | null {
    return this.#held && this.#held.from / TICKS_OF_MS
  }

  /** When it ends if nothing comes after it, in ms; null where none is held. */
  get heldUntil(): number | null {
    return this.#held && (this.#held.from + this.#lastVideoTicks) / TICKS_OF_MS
  }

  /** Whether the picture that is held can be shown again, from a keyframe on. */
  get canRepeat(): boolean {
    return this.#held !== null && this.#gop !== null
  }

  /** The picture that is held ends at `timestamp`, in ms; where none may come before that, it is said to last for `more` ms longer. */
  settle(timestamp: number, more = 0): void {
    const held = this.#held
    if (held === null) return
    this.#held = null
    this.#floor = Math.max(Math.round(timestamp * TICKS_OF_MS), held.from + 1)
    this.#lastVideoTicks = this.#floor - held.from
    this.#push(held, this.#lastVideoTicks + more * TICKS_OF_MS)
  }

  /**
   * Nothing comes any more: the picture that is held, and the sound, both end at `timestamp`, in ms. Browsers have what both tracks have, and players wait for
   * the middle of the last part (hls.js) or its end. The fragment begins at `from`, in ms, and does not become longer than to `timestamp`.
   */
  finish(from: number, timestamp: number): void {
    this.settle(timestamp)
    const { audio } = this.#tracks
    if (!audio || this.#audioNext === null || this.isEmpty) return
    const samplesOf = (ms: number) => Math.round((ms * audio.sampleRate) / 1000)
    const room = samplesOf(timestamp - from) - this.#audio.reduce((sum, { duration }) => sum + duration, 0)
    const missing = Math.min(room, samplesOf(timestamp) - this.#audioNext)
    if (missing <= 0) return
    const last = this.#audio.at(-1)
    const silence = silentBlock(audio.channels)
    if (last) last.duration += missing
    else if (silence) {
      this.#audioFrom = this.#audioNext
      this.#audio.push({ data: silence, duration: missing, compositionOffset: 0, keyframe: true })
    }
    this.#audioNext += missing
  }

  /** From `timestamp` on, in ms, the picture that was just settled is shown once more. See {@link canRepeat}. */
  repeat(timestamp: number): void {
    const gop = this.#gop ?? []
    const from = Math.max(Math.round(timestamp * TICKS_OF_MS), this.#floor)
    const again = gop.map((picture, index) => ({ ...picture, from: from + index }))
    for (const picture of again.slice(0, -1)) this.#push(picture, 1)
    this.#held = again.at(-1) ?? null
  }

  /** Whether the next fragment begins with a keyframe, or is sound alone where there is no picture. */
  get isIndependent(): boolean {
    return this.#tracks.video ? this.#video[0]?.keyframe === true : true
  }

  /** How many pictures the next fragment has. */
  get pictures(): number {
    return this.#video.length
  }

  /** The fragment of what came since the last one; null where nothing did. `sequence` counts from 1. */
  cut(sequence: number): Buffer | null {
    const runs = [
      { trackId: VIDEO_TRACK_ID, decodeTime: this.#videoFrom, samples: this.#video },
      { trackId: AUDIO_TRACK_ID, decodeTime: this.#audioFrom, samples: this.#audio },
    ].filter(({ samples }) => samples.length > 0)
    if (runs.length === 0) return null
    this.#video = []
    this.#audio = []
    return fragment(sequence, runs)
  }

  #hold(tag: BusTag, notBefore: number): void {
    const body = bodyOf(tag)
    const from = Math.max(Math.round(Math.max(tag.timestamp, notBefore) * TICKS_OF_MS), this.#floor)
    this.#held = {
      from,
      // 24 bits with a sign (annex E.4.3).
      compositionOffset: Math.round((body.readIntBE(2, 3) + tag.timestamp) * TICKS_OF_MS) - from,
      keyframe: tag.kind === 'keyframe',
      data: body.subarray(AVC_PACKET_HEADER_BYTES),
    }
    if (this.#held.keyframe) {
      this.#gop = []
      this.#gopBytes = 0
    }
    this.#gopBytes += this.#held.data.length
    this.#gop?.push(this.#held)
    const isReordered = this.#gop?.[0]?.compositionOffset !== this.#held.compositionOffset
    const isLarge = this.#gopBytes > MAX_REPEATED_BYTES || (this.#gop?.length ?? 0) > MAX_REPEATED
    if (isReordered || isLarge) this.#gop = null
  }

  #push({ from, data, compositionOffset, keyframe }: Held, duration: number): void {
    if (this.#video.length === 0) this.#videoFrom = from
    this.#video.push({ data, duration, compositionOffset, keyframe })
  }

  #addSound(tag: BusTag, { sampleRate }: AacConfig): void {
    const at = Math.round((tag.timestamp * sampleRate) / 1000)
    const tolerance = (AUDIO_TOLERANCE_MS * sampleRate) / 1000
    // Before all that there is.
    if (at < 0) return
    const next = this.#audioNext ?? at
    // More sound than time has passed: a frame is left out now and then.
    if (next > at + tolerance) return
    const late = at - next
    const begins = late > tolerance ? at : next
    const before = this.#audio.at(-1)
    if (before) before.duration += begins - next
    else this.#audioFrom = begins
    this.#audioNext = begins + AAC_FRAME_SAMPLES
    const data = bodyOf(tag).subarray(AAC_PACKET_HEADER_BYTES)
    this.#audio.push({ data, duration: AAC_FRAME_SAMPLES, compositionOffset: 0, keyframe: true })
  }
}
