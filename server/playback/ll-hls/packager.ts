import type { BusListener, Layout } from '../../broadcast/listener.ts'
import { readAacConfig } from '../../flv/aac.ts'
import { AVC_PACKET_HEADER_BYTES, pictureSize } from '../../flv/avc.ts'
import { type BusTag, bodyOf } from '../../flv/gop-cache.ts'
import { Fragmenter } from '../../fmp4/fragmenter.ts'
import { initSection } from '../../fmp4/init-section.ts'
import type { Init, SegmentWindow } from './window.ts'

/** EXT-X-PART-INF: PART-TARGET, in seconds. */
export const PART_TARGET_SECONDS = 0.3

/** A part is cut at the first frame from here on: 85 % of the target, which is the least (RFC 8216bis, 4.4.3.7). */
const PART_MS = 255

/** A segment ends at the first keyframe from here on: a recorder's keyframe every 2 s comes a little early at times. */
const SEGMENT_MS = 1_900

/** Bounds of the target duration, in seconds: it is that of the first whole segment, and stays. */
const MIN_TARGET_SECONDS = 2
const MAX_TARGET_SECONDS = 10

/** How much longer than the target duration a segment may be, since durations are rounded (4.4.3.1). */
const TOLERANCE_MS = 400

/** A part and a segment end with so many bytes, however short they are: what a publisher sends may have any times. */
const MAX_PART_BYTES = 2 * 1024 * 1024
const MAX_SEGMENT_BYTES = 16 * 1024 * 1024

/** Time without a frame that is a break, in ms. */
const BREAK_MS = 1_000

/** Cuts a broadcast into segments and parts: fragmented MP4 in a window. */
export class Packager implements BusListener {
  readonly #window: SegmentWindow
  readonly #id: string
  readonly #onChange: () => void
  readonly #headers = new Map<'video-header' | 'audio-header', Buffer>()
  #fragmenter: Fragmenter | null = null
  #init: Init | null = null
  #inits = 0
  #fragments = 0
  #nextNumber: number
  /** A header has changed: from the next keyframe on there is another init section. */
  #headersChanged = false
  /** When the segment and the part began, and the latest frame, in ms of the broadcast. */
  #segmentFrom = 0
  #partFrom = 0
  #latest = 0
  /** Bytes of frames in the segment and in the part. */
  #segmentBytes = 0
  #partBytes = 0
  /** Wall clock of the broadcast's time 0, in ms since 1970. */
  #epoch = 0
  #targetSeconds: number | null = null
  #allIndependent = true

  /**
   * `id` makes the names of files unique, `firstNumber` is the first media sequence number, and `onChange` is called when there is
   * something new in the window.
   */
  constructor(window: SegmentWindow, id: string, firstNumber: number, onChange: () => void) {
    this.#window = window
    this.#id = id
    this.#nextNumber = firstNumber
    this.#onChange = onChange
  }

  /** EXT-X-TARGETDURATION; null until the first segment has shown it. */
  get targetSeconds(): number | null {
    return this.#targetSeconds
  }

  /** Whether every segment began with a keyframe. */
  get allIndependent(): boolean {
    return this.#allIndependent
  }

  /** The name of the part that comes next, for a preload hint. */
  get nextPartFile(): string {
    const { last } = this.#window
    return last && !last.whole
      ? partFile(this.#id, last.number, last.parts.length)
      : partFile(this.#id, this.#nextNumber, 0)
  }

  push(tag: BusTag, layout: Layout): void {
    switch (tag.kind) {
      case 'metadata':
        return
      case 'video-header':
      case 'audio-header': {
        const body = bodyOf(tag)
        if (this.#headers.get(tag.kind)?.equals(body)) return
        this.#headers.set(tag.kind, Buffer.from(body))
        this.#headersChanged = true
        return
      }
      default:
        if (!layout.video && this.#headers.delete('video-header')) this.#headersChanged = true
        this.#addFrame(tag, tag.kind === 'keyframe' || (!layout.video && tag.kind === 'audio'))
    }
  }

  end(): void {
    this.#closeSegment(null)
    this.#onChange()
  }

  /** `isEntry`: a segment may begin with this frame. */
  #addFrame(tag: BusTag, isEntry: boolean): void {
    const { timestamp } = tag
    const isBreak = timestamp - this.#latest > BREAK_MS
    if (isEntry && (this.#fragmenter === null || this.#headersChanged || isBreak)) this.#beginAnew(timestamp)
    if (this.#fragmenter === null) return
    if (tag.kind !== 'audio') this.#fragmenter.settle(timestamp)
    const segmentMs = timestamp - this.#segmentFrom
    const longestMs = (this.#targetSeconds ?? MAX_TARGET_SECONDS) * 1000 + TOLERANCE_MS
    if (isEntry && segmentMs >= SEGMENT_MS) {
      this.#targetSeconds ??= Math.min(MAX_TARGET_SECONDS, Math.max(MIN_TARGET_SECONDS, Math.round(segmentMs / 1000)))
      this.#nextSegment(timestamp)
    } else if (segmentMs >= longestMs || this.#segmentBytes > MAX_SEGMENT_BYTES) {
      this.#targetSeconds ??= MAX_TARGET_SECONDS
      this.#allIndependent = false
      this.#nextSegment(timestamp)
    } else if (timestamp - this.#partFrom >= PART_MS || this.#partBytes > MAX_PART_BYTES) {
      this.#cutPart(timestamp)
      this.#onChange()
    }
    this.#fragmenter.add(tag)
    this.#partBytes += tag.bytes.length
    this.#segmentBytes += tag.bytes.length
    this.#latest = Math.max(this.#latest, timestamp)
  }

  /** The first segment, or one after which times or codecs are others. */
  #beginAnew(timestamp: number): void {
    const isFirst = this.#fragmenter === null
    this.#closeSegment(null)
    if (isFirst || this.#headersChanged) this.#readHeaders()
    else if (this.#init) this.#fragmenter = new Fragmenter(this.#tracks())
    if (!this.#init) return
    this.#epoch = Math.max(this.#epoch, Date.now() - timestamp)
    this.#beginSegment(timestamp, !isFirst)
    this.#latest = timestamp
    this.#onChange()
  }

  #nextSegment(timestamp: number): void {
    this.#closeSegment(timestamp)
    this.#beginSegment(timestamp, false)
    this.#onChange()
  }

  #beginSegment(timestamp: number, discontinuity: boolean): void {
    if (!this.#init) return
    const number = this.#nextNumber++
    this.#segmentFrom = timestamp
    this.#partFrom = timestamp
    this.#segmentBytes = 0
    const file = `${this.#id}-${number}.m4s`
    this.#window.begin({
      number,
      file,
      init: this.#init,
      discontinuity,
      date: this.#epoch + timestamp,
      parts: [],
      whole: null,
    })
  }

  /** `timestamp` is when the next one begins; null where nothing follows, or something else. */
  #closeSegment(timestamp: number | null): void {
    if (timestamp === null) this.#fragmenter?.settle(null)
    this.#cutPart(timestamp ?? this.#latest + 1)
    if (this.#window.last?.parts.length === 0 && !this.#window.last.whole) this.#nextNumber--
    this.#window.close()
  }

  #cutPart(timestamp: number): void {
    const independent = this.#fragmenter?.isIndependent ?? false
    const bytes = this.#fragmenter?.cut(this.#fragments + 1)
    const segment = this.#window.last
    if (!bytes || !segment) return
    this.#fragments++
    this.#partBytes = 0
    const file = partFile(this.#id, segment.number, segment.parts.length)
    this.#window.add({ file, bytes, seconds: (timestamp - this.#partFrom) / 1000, independent })
    this.#partFrom = timestamp
  }

  #readHeaders(): void {
    const tracks = this.#tracks()
    this.#headersChanged = false
    if (!tracks.video && !tracks.audio) return
    this.#init = { file: `${this.#id}-init-${this.#inits++}.mp4`, bytes: initSection(tracks) }
    this.#fragmenter = new Fragmenter(tracks)
  }

  #tracks() {
    const video = this.#headers.get('video-header')
    const audio = this.#headers.get('audio-header')
    const size = video ? pictureSize({ body: video }) : null
    return {
      video: video && size ? { record: video.subarray(AVC_PACKET_HEADER_BYTES), ...size } : null,
      audio: audio ? readAacConfig({ body: audio }) : null,
    }
  }
}

function partFile(id: string, segment: number, part: number): string {
  return `${id}-${segment}.${part}.m4s`
}
