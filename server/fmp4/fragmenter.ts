import { AAC_FRAME_SAMPLES, AAC_PACKET_HEADER_BYTES, type AacConfig } from '../flv/aac.ts'
import { AVC_PACKET_HEADER_BYTES } from '../flv/avc.ts'
import { type BusTag, bodyOf } from '../flv/gop-cache.ts'
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
  #held: BusTag | null = null
  #lastVideoMs = USUAL_FRAME_MS

  constructor(tracks: Tracks) {
    this.#tracks = tracks
  }

  /** Takes a frame. A picture is settled first: {@link settle}. */
  add(tag: BusTag): void {
    const { video, audio } = this.#tracks
    if (tag.kind === 'audio') {
      if (audio) this.#addSound(tag, audio)
    } else if (video) this.#held = tag
  }

  /** The picture that is held ends at `timestamp`, in ms, when the next one begins; null: nothing comes after it. */
  settle(timestamp: number | null): void {
    if (this.#held === null) return
    const tag = this.#held
    this.#held = null
    const shown = timestamp === null ? this.#lastVideoMs : timestamp - tag.timestamp
    this.#lastVideoMs = shown
    if (this.#video.length === 0) this.#videoFrom = tag.timestamp * TICKS_OF_MS
    const body = bodyOf(tag)
    this.#video.push({
      data: body.subarray(AVC_PACKET_HEADER_BYTES),
      duration: shown * TICKS_OF_MS,
      // 24 bits with a sign (annex E.4.3).
      compositionOffset: body.readIntBE(2, 3) * TICKS_OF_MS,
      keyframe: tag.kind === 'keyframe',
    })
  }

  /** Whether the next fragment begins with a keyframe, or is sound alone where there is no picture. */
  get isIndependent(): boolean {
    return this.#tracks.video ? this.#video[0]?.keyframe === true : true
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

  #addSound(tag: BusTag, { sampleRate }: AacConfig): void {
    const at = Math.round((tag.timestamp * sampleRate) / 1000)
    const tolerance = (AUDIO_TOLERANCE_MS * sampleRate) / 1000
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
