import type { Tracks } from '../../fmp4/init-section.ts'

/** A partial segment. */
export interface Part {
  file: string
  bytes: Buffer
  seconds: number
  /** Whether it begins with a keyframe. */
  independent: boolean
  pictures: number
}

/** An initialization section, which segments refer to. */
export interface Init {
  file: string
  bytes: Buffer
  tracks: Tracks
}

/** A segment, which may still grow. */
export interface Segment {
  /** Media sequence number. */
  number: number
  file: string
  init: Init
  /** Whether its times do not go on from the segment before, or its codecs are others. */
  discontinuity: boolean
  /** When its first frame was there, in ms since 1970. */
  date: number
  parts: Part[]
  /** How large and how long all of it is, once it is whole. */
  whole: { length: number; seconds: number } | null
}

/** Most that is kept, in bytes. */
const MAX_BYTES = 64 * 1024 * 1024

/** Seconds of a playlist: as much again is kept behind it. It has at least four segments, whatever their duration. */
export const PLAYLIST_SECONDS = 30
const MIN_SEGMENTS = 4

/** Most segments, which may be short: the playlist is written again for each part. */
const MAX_SEGMENTS = 120

/** What has left the playlist, and until when it can be had, on the monotonic clock. */
interface Retired {
  segment: Segment
  until: number
}

/**
 * The segments of the playlist, in order; the last one grows. The oldest leave it when there are too many, and can still be had for a while by those who
 * have a playlist that names them (RFC 8216bis, 6.2.2).
 */
export class SegmentWindow {
  readonly #segments: Segment[] = []
  #retired: Retired[] = []
  /** The longest that the playlist was, in seconds. */
  #longest = 0
  /** By their names, for requests. */
  readonly #files = new Map<string, () => Buffer | null>()
  /** Segments that somebody asked for, in one piece. */
  readonly #joined = new WeakMap<Segment, Buffer>()
  #discontinuities: number

  /** `firstDiscontinuity` is EXT-X-DISCONTINUITY-SEQUENCE of the first segment. */
  constructor(firstDiscontinuity: number) {
    this.#discontinuities = firstDiscontinuity
  }

  get segments(): readonly Segment[] {
    return this.#segments
  }

  /** EXT-X-DISCONTINUITY-SEQUENCE: counts the discontinuities that have left. */
  get discontinuities(): number {
    return this.#discontinuities
  }

  get last(): Segment | null {
    return this.#segments.at(-1) ?? null
  }

  begin(segment: Segment): void {
    this.#segments.push(segment)
    this.#files.set(segment.init.file, () => segment.init.bytes)
    this.#files.set(segment.file, () => this.#join(segment))
  }

  /** Adds a part to the last segment. */
  add(part: Part): void {
    this.last?.parts.push(part)
    this.#files.set(part.file, () => part.bytes)
  }

  /** The last segment is whole, and old ones may go. One without parts was none. */
  close(): void {
    const segment = this.last
    if (!segment || segment.whole) return
    if (segment.parts.length === 0) {
      this.#segments.pop()
      this.#files.delete(segment.file)
      return
    }
    segment.whole = {
      length: segment.parts.reduce((sum, { bytes }) => sum + bytes.length, 0),
      seconds: segment.parts.reduce((sum, { seconds }) => sum + seconds, 0),
    }
    this.#removeOld()
  }

  /** The bytes of a file that the playlist names or has named lately; null where there is none. */
  file(name: string): Buffer | null {
    return this.#files.get(name)?.() ?? null
  }

  /**
   * The bytes of a segment, once it is whole. Most segments are never asked for: one is put together when it is, and its parts share that memory
   * from then on.
   */
  #join(segment: Segment): Buffer | null {
    if (segment.whole === null) return null
    const known = this.#joined.get(segment)
    if (known) return known
    const bytes = Buffer.concat(segment.parts.map((part) => part.bytes))
    let offset = 0
    for (const part of segment.parts) {
      part.bytes = bytes.subarray(offset, offset + part.bytes.length)
      offset += part.bytes.length
    }
    this.#joined.set(segment, bytes)
    return bytes
  }

  #removeOld(): void {
    const now = performance.now()
    let seconds = 0
    let bytes = 0
    let keep = 0
    for (const { whole } of this.#segments.toReversed()) {
      const isOver = seconds >= PLAYLIST_SECONDS && keep >= MIN_SEGMENTS
      if (keep > 0 && (isOver || bytes + (whole?.length ?? 0) > MAX_BYTES || keep >= MAX_SEGMENTS)) break
      seconds += whole?.seconds ?? 0
      bytes += whole?.length ?? 0
      keep++
    }
    this.#longest = Math.max(this.#longest, seconds)
    for (const segment of this.#segments.splice(0, this.#segments.length - keep)) {
      if (segment.discontinuity) this.#discontinuities++
      const keptSeconds = this.#longest + (segment.whole?.seconds ?? 0)
      this.#retired.push({ segment, until: now + keptSeconds * 1000 })
    }
    this.#forget(now, MAX_BYTES - bytes)
  }

  /** Forgets what has been out of the playlist for long enough, and the oldest of what is more than `mostBytes`. */
  #forget(now: number, mostBytes: number): void {
    let bytes = 0
    let keep = 0
    for (const { segment, until } of this.#retired.toReversed()) {
      bytes += segment.whole?.length ?? 0
      if (until < now || bytes > mostBytes || keep >= MAX_SEGMENTS) break
      keep++
    }
    for (const { segment } of this.#retired.splice(0, this.#retired.length - keep)) {
      this.#files.delete(segment.file)
      for (const part of segment.parts) this.#files.delete(part.file)
      const next = this.#retired[0]?.segment ?? this.#segments[0]
      if (next?.init !== segment.init) this.#files.delete(segment.init.file)
    }
  }
}
