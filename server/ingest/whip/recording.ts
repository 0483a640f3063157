import { type MatroskaTrack, MatroskaWriter } from '../../containers/matroska-writer.ts'
import { configurationRecord } from '../../flv/avc.ts'
import { readSps } from '../../flv/sps.ts'
import { CODECS } from '../../webrtc/depacketizer.ts'
import type { ReceivedFrame } from '../../webrtc/receiver.ts'
import type { AnsweredMedia } from '../../webrtc/sdp.ts'

/** How long a sound that was offered is waited for when the picture is there, and a picture when the sound is there, in ms. */
const WAIT_FOR_SOUND_MS = 500
const WAIT_FOR_PICTURE_MS = 3_000
/** Most frames that wait meanwhile. */
const MAX_WAITING = 1_000
/** What decoders of Opus need first (RFC 7845, section 5.1): two channels, no samples to skip, 48 kHz. */
const OPUS_HEAD = Buffer.concat([Buffer.from('OpusHead'), Buffer.from([1, 2, 0, 0, 0x80, 0xbb, 0, 0, 0, 0, 0])])

type Kind = 'video' | 'audio'

interface Arrived {
  kind: Kind
  frame: ReceivedFrame
}

/** What is written. */
export type Written =
  /** Another recording begins, so many ms after the first one. */
  { kind: 'begin'; at: number } | { kind: 'bytes'; bytes: Buffer }

/** When the first recording of a broadcast began, in ms of the monotonic clock; null before that. */
export interface RecordingOrigin {
  at: number | null
}

/**
 * Makes recordings in Matroska of the frames of a publisher. One begins when there is a keyframe and, where sound was offered, sound; another one, when
 * a track joins that the one before has not.
 */
export class WhipRecording {
  readonly #media: readonly AnsweredMedia[]
  readonly #requestKeyframe: () => void
  readonly #origin: RecordingOrigin
  #waiting: Arrived[] = []
  /** There is sound beside a picture that was alone: the next keyframe begins a recording of both. */
  #isSoundWaiting = false
  #tracks: { kinds: ReadonlySet<Kind>; writer: MatroskaWriter; from: number } | null = null

  constructor(media: readonly AnsweredMedia[], origin: RecordingOrigin, requestKeyframe: () => void) {
    this.#media = media
    this.#origin = origin
    this.#requestKeyframe = requestKeyframe
  }

  /** The recording cannot be gone on with: another one begins at the next keyframe. */
  restart(): void {
    this.#tracks = null
    this.#waiting = []
    this.#isSoundWaiting = false
    this.#requestKeyframe()
  }

  /** Takes a frame; gives what is to be written because of it. */
  take(kind: Kind, frame: ReceivedFrame): Written[] {
    const tracks = this.#tracks
    const hasPicture = this.#waiting.some((each) => each.kind === 'video')
    // Nothing begins with it, or goes on with it where a keyframe waits.
    const isDelta = kind === 'video' && !frame.isKeyframe && !hasPicture
    const joins = tracks !== null && !tracks.kinds.has(kind)
    if (tracks && !joins && !hasPicture && (isDelta || kind === 'audio' || !this.#isSoundWaiting)) {
      return [this.#write(tracks, kind, frame)]
    }
    if (isDelta) return []
    // The one before goes on until there is a keyframe to begin with.
    if (joins && kind === 'audio' && !hasPicture) {
      if (!this.#isSoundWaiting) this.#requestKeyframe()
      this.#isSoundWaiting = true
      return []
    }
    this.#waiting.push({ kind, frame })
    return this.#canBegin() ? this.#begin() : []
  }

  #canBegin(): boolean {
    const first = (kind: Kind) => this.#waiting.find((each) => each.kind === kind)?.frame
    const offered = (kind: Kind) => this.#media.some((each) => each.kind === kind)
    const [video, audio] = [first('video'), first('audio')]
    const newest = this.#waiting.at(-1)?.frame.time ?? 0
    const waited = newest - Math.min(video?.time ?? newest, audio?.time ?? newest)
    if (this.#waiting.length >= MAX_WAITING) return true
    if (video) return audio !== undefined || !offered('audio') || waited >= WAIT_FOR_SOUND_MS
    return !offered('video') || waited >= WAIT_FOR_PICTURE_MS
  }

  #begin(): Written[] {
    const waiting = this.#waiting
    this.#waiting = []
    this.#isSoundWaiting = false
    const video = waiting.find((each) => each.kind === 'video')?.frame
    const kinds = new Set(waiting.map(({ kind }) => kind))
    const from = video?.time ?? waiting[0]?.frame.time ?? 0
    this.#origin.at ??= from
    const writer = new MatroskaWriter()
    const tracks = { kinds, writer, from }
    this.#tracks = tracks
    const head = writer.head(this.#media.filter(({ kind }) => kinds.has(kind)).map((each) => trackOf(each, video)))
    const frames = waiting.filter(({ frame }) => frame.time >= from)
    return [
      { kind: 'begin', at: Math.max(0, from - this.#origin.at) },
      { kind: 'bytes', bytes: head },
      ...frames.map(({ kind, frame }) => this.#write(tracks, kind, frame)),
    ]
  }

  #write({ writer, from }: { writer: MatroskaWriter; from: number }, track: Kind, frame: ReceivedFrame): Written {
    const { time, isKeyframe, data } = frame
    return { kind: 'bytes', bytes: writer.frame({ track, time: time - from, isKeyframe, data }) }
  }
}

function trackOf({ kind, codec }: AnsweredMedia, video: ReceivedFrame | undefined): MatroskaTrack {
  if (kind === 'audio') {
    return { kind, codecId: CODECS.audio.opus, codecPrivate: OPUS_HEAD, sampleRate: 48_000, channels: 2 }
  }
  const names: ReadonlyMap<string, string> = new Map(Object.entries(CODECS.video))
  const header = video?.header
  const sps = header ? readSps(header.sps) : null
  const size = sps ?? video?.size ?? { width: 0, height: 0 }
  return {
    kind,
    codecId: names.get(codec.name) ?? '',
    codecPrivate: header ? configurationRecord([header.sps], [header.pps], 4) : null,
    width: size.width,
    height: size.height,
  }
}
