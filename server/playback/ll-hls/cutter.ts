import type { Layout } from '../../broadcast/listener.ts'
import { readAacConfig } from '../../flv/aac.ts'
import { AVC_PACKET_HEADER_BYTES, pictureFormat } from '../../flv/avc.ts'
import { type BusTag, bodyOf } from '../../flv/gop-cache.ts'
import { Fragmenter } from '../../fmp4/fragmenter.ts'
import { initSection, type Tracks } from '../../fmp4/init-section.ts'
import { LEAST_OF_PART, SEGMENT_MS, type Shape } from './shape.ts'
import { WallClock } from './wall-clock.ts'
import type { Init, SegmentWindow } from './window.ts'

/** How much longer than the target duration a segment may be, in ms, since durations are rounded (RFC 8216bis, 4.4.3.1). */
const TOLERANCE_MS = 490

/** A part and a segment end with so many bytes, however short they are: what a publisher sends may have any times. */
const MAX_PART_BYTES = 2 * 1024 * 1024
const MAX_SEGMENT_BYTES = 16 * 1024 * 1024

/** Time without picture and sound that is a break, in ms. */
const BREAK_MS = 500
/** What is left of such a gap in the times of the media, in ms. */
const BRIDGE_MS = 33

/** How much later than the sound of its time a picture may come, in ms, where it was never later: beyond that, none comes. */
const USUALLY_LATER_MS = 100
/** And at most, in ms. */
const MAX_LATER_MS = 3_000

/** How long a picture lasts that cannot be shown again, in ms: one that stands still is sent anew every two seconds. */
const STANDS_MS = 2_500

/** What segments are made with. */
export interface CutterOptions {
  window: SegmentWindow
  /** Makes the names of files unique. */
  id: string
  /** The first media sequence number. */
  firstNumber: number
  /** When time 0 of the broadcast was, in ms since 1970, as the publisher says; null where it says nothing. */
  capturedFrom(): number | null
  /** There is something new in the window. */
  onChange(): void
}

/** Cuts a broadcast into segments and parts of a given shape: fragmented MP4 in a window. */
export class Cutter {
  readonly shape: Shape
  readonly #onChange: () => void
  readonly #window: SegmentWindow
  readonly #id: string
  readonly #longestMs: number
  readonly #headers = new Map<'video-header' | 'audio-header', Buffer>()
  readonly #wallClock: WallClock
  #fragmenter: Fragmenter | null = null
  #init: Init | null = null
  #inits = 0
  #fragments = 0
  #nextNumber: number
  #hasVideo = false
  /** A header has changed: from the next keyframe on there is another init section. */
  #headersChanged = false
  /** Times have jumped: from the next keyframe on there is another segment, behind a discontinuity. */
  #hasBreak = false
  /** How much earlier than on the bus frames are in the media, in ms: breaks are no gaps there. */
  #shift = 0
  /** When the segment and the part began, and the latest frame, in ms of the media. */
  #segmentFrom = 0
  #partFrom = 0
  #latest = 0
  #latestSound = 0
  /** The longest time from a picture to the next lately, in ms. */
  #step = 0
  #lastPicture = 0
  /** How much later than sound pictures come, in ms. */
  #later = 0
  /** Bytes of frames in the segment and in the part. */
  #segmentBytes = 0
  #partBytes = 0
  #allIndependent: boolean

  constructor({ window, id, firstNumber, capturedFrom, onChange }: CutterOptions, shape: Shape) {
    this.#onChange = onChange
    this.#window = window
    this.#id = id
    this.#nextNumber = firstNumber
    this.#wallClock = new WallClock(capturedFrom)
    this.shape = shape
    this.#allIndependent = shape.isRegular
    this.#longestMs = shape.targetSeconds * 1000 + TOLERANCE_MS
  }

  /** Whether every segment began with a keyframe, and keyframes come as is expected. */
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

  /** Takes a tag that came at `now`, in ms since 1970. */
  push(tag: BusTag, layout: Layout, now: number): void {
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
        this.#hasVideo = layout.video
        this.#addFrame(tag, tag.kind === 'keyframe' || (!layout.video && tag.kind === 'audio'), now)
    }
  }

  end(): void {
    this.#closeSegment(null)
    this.#onChange()
  }

  /** `isEntry`: a segment may begin with this frame. */
  #addFrame(tag: BusTag, isEntry: boolean, now: number): void {
    this.#noteTime(tag, now)
    const frame = this.#shift === 0 ? tag : { ...tag, timestamp: tag.timestamp - this.#shift }
    if (isEntry && (this.#fragmenter === null || this.#headersChanged || this.#hasBreak))
      this.#beginAnew(frame.timestamp)
    if (this.#fragmenter === null) return
    if (tag.kind === 'audio') this.#addSound(this.#fragmenter, frame)
    else this.#addPicture(this.#fragmenter, frame, isEntry)
    this.#partBytes += tag.bytes.length
    this.#segmentBytes += tag.bytes.length
    this.#latest = Math.max(this.#latest, frame.timestamp)
  }

  /** Finds breaks, and what the wall clock says of times on the bus. */
  #noteTime({ timestamp }: BusTag, now: number): void {
    const gap = timestamp - this.#shift - this.#latest
    if (this.#fragmenter !== null && gap > BREAK_MS) {
      this.#shift += gap - BRIDGE_MS
      this.#hasBreak = true
      this.#wallClock.reset()
    }
    this.#wallClock.note(timestamp, now)
  }

  #addSound(fragmenter: Fragmenter, frame: BusTag): void {
    const { timestamp } = frame
    if (this.#hasVideo) {
      fragmenter.add(frame)
      this.#latestSound = timestamp
      this.#advance(fragmenter, timestamp - this.#later - USUALLY_LATER_MS)
      return
    }
    this.#advance(fragmenter, timestamp)
    this.#cutBefore(timestamp, true)
    fragmenter.add(frame)
  }

  #addPicture(fragmenter: Fragmenter, frame: BusTag, isEntry: boolean): void {
    // One that comes after its part was cut begins with the next.
    const at = Math.max(frame.timestamp, this.#partFrom)
    this.#later = Math.min(MAX_LATER_MS, Math.max(this.#latestSound - frame.timestamp, this.#later * 0.99))
    this.#step = Math.max(at - this.#lastPicture, this.#step * 0.9)
    this.#lastPicture = at
    this.#advance(fragmenter, at)
    fragmenter.settle(at)
    this.#cutBefore(at, isEntry)
    fragmenter.add(frame, at)
  }

  /** Cuts what ends before `until`, where no frame says so: a part and a segment are no longer than they may be. */
  #advance(fragmenter: Fragmenter, until: number): void {
    for (;;) {
      const segmentEnd = this.#segmentFrom + this.#longestMs
      const end = Math.min(this.#partFrom + this.shape.partMs, segmentEnd)
      if (until <= end || fragmenter.isEmpty) return
      const { heldFrom, canRepeat } = fragmenter
      const at = heldFrom !== null && heldFrom > this.#partFrom && !canRepeat ? heldFrom : end
      const isShown = this.#showUntil(fragmenter, at)
      const isFull = Math.min(until, at + this.shape.partMs) > segmentEnd
      const isDue = isShown && at - this.#segmentFrom >= SEGMENT_MS
      if (isDue || isFull) this.#nextSegment(at, isShown)
      else this.#cutPart(at)
      if (isShown) fragmenter.repeat(at)
      this.#onChange()
    }
  }

  /** The picture that is held lasts until `at`, or longer where it cannot be shown again. Whether it can. */
  #showUntil(fragmenter: Fragmenter, at: number): boolean {
    const { heldFrom, canRepeat } = fragmenter
    if (heldFrom === null || heldFrom >= at) return false
    fragmenter.settle(at, canRepeat ? 0 : STANDS_MS)
    return canRepeat
  }

  /** Ends the segment or the part before a frame at `timestamp`, where it is time. */
  #cutBefore(timestamp: number, isEntry: boolean): void {
    const segmentMs = timestamp - this.#segmentFrom
    const partMs = timestamp - this.#partFrom
    const isLast = segmentMs + Math.min(1.5 * this.#step, this.shape.partMs) > this.#longestMs
    if (isEntry && segmentMs >= SEGMENT_MS) this.#nextSegment(timestamp, true)
    else if ((isLast && partMs > 0) || this.#segmentBytes > MAX_SEGMENT_BYTES) this.#nextSegment(timestamp, false)
    else if (
      partMs >= this.shape.partMs * LEAST_OF_PART ||
      this.#partBytes > MAX_PART_BYTES ||
      // Whoever joins begins here.
      (isEntry && this.#hasVideo && partMs > 0)
    )
      this.#cutPart(timestamp)
    else return
    this.#onChange()
  }

  /** The first segment, or one after which times or codecs are others. */
  #beginAnew(timestamp: number): void {
    const isFirst = this.#fragmenter === null
    this.#closeSegment(isFirst ? null : timestamp)
    if (isFirst || this.#headersChanged) this.#readHeaders()
    if (!this.#init) return
    this.#hasBreak = false
    this.#beginSegment(timestamp, !isFirst)
    this.#lastPicture = timestamp
    this.#latest = Math.max(this.#latest, timestamp)
    this.#onChange()
  }

  #nextSegment(timestamp: number, isIndependent: boolean): void {
    if (!isIndependent) this.#allIndependent = false
    this.#closeSegment(timestamp)
    this.#beginSegment(timestamp, false)
  }

  #beginSegment(timestamp: number, discontinuity: boolean): void {
    if (!this.#init) return
    const number = this.#nextNumber++
    this.#segmentFrom = timestamp
    this.#partFrom = timestamp
    this.#segmentBytes = 0
    const file = `${this.#id}-${number}.m4s`
    const { last } = this.#window
    // Where nothing is missing, it begins when the one before it ends: parts that were never there count for nothing.
    const goesOnAt = last?.whole && !discontinuity ? last.date + last.whole.seconds * 1000 : Number.POSITIVE_INFINITY
    const date = Math.min(this.#wallClock.at(timestamp + this.#shift), goesOnAt)
    this.#window.begin({ number, file, init: this.#init, discontinuity, date, parts: [], whole: null })
  }

  /** `timestamp` is when the next one begins; null where nothing follows. */
  #closeSegment(timestamp: number | null): void {
    // The last picture lasts as long as the one before it, where there is sound for that.
    const end = timestamp ?? Math.min(this.#fragmenter?.heldUntil ?? Number.POSITIVE_INFINITY, this.#latest + BRIDGE_MS)
    if (this.#fragmenter) this.#advance(this.#fragmenter, end)
    if (timestamp === null) this.#fragmenter?.finish(this.#partFrom, end)
    else this.#fragmenter?.settle(end)
    this.#cutPart(end)
    if (this.#window.last?.parts.length === 0 && !this.#window.last.whole) this.#nextNumber--
    this.#window.close()
  }

  #cutPart(timestamp: number): void {
    const { isIndependent: independent = false, pictures = 0 } = this.#fragmenter ?? {}
    const bytes = this.#fragmenter?.cut(this.#fragments + 1)
    const segment = this.#window.last
    const seconds = (timestamp - this.#partFrom) / 1000
    this.#partFrom = timestamp
    if (!bytes || !segment) return
    this.#fragments++
    this.#partBytes = 0
    this.#window.add({
      file: partFile(this.#id, segment.number, segment.parts.length),
      bytes,
      seconds,
      independent,
      pictures,
    })
  }

  #readHeaders(): void {
    const tracks = this.#tracks()
    this.#headersChanged = false
    if (!tracks.video && !tracks.audio) return
    this.#init = { file: `${this.#id}-init-${this.#inits++}.mp4`, bytes: initSection(tracks), tracks }
    this.#fragmenter = new Fragmenter(tracks)
  }

  #tracks(): Tracks {
    const video = this.#hasVideo ? this.#headers.get('video-header') : undefined
    const audio = this.#headers.get('audio-header')
    const format = video ? pictureFormat({ body: video }) : null
    return {
      video: video && format ? { record: video.subarray(AVC_PACKET_HEADER_BYTES), ...format } : null,
      audio: audio ? readAacConfig({ body: audio }) : null,
    }
  }
}

function partFile(id: string, segment: number, part: number): string {
  return `${id}-${segment}.${part}.m4s`
}
