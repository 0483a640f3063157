/** A partial segment. */
export interface Part {
  file: string
  bytes: Buffer
  seconds: number
  /** Whether it begins with a keyframe. */
  independent: boolean
}

/** An initialization section, which segments refer to. */
export interface Init {
  file: string
  bytes: Buffer
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

/** Most that is kept, in bytes and in seconds. */
const MAX_BYTES = 64 * 1024 * 1024
export const WINDOW_SECONDS = 60

/** Most segments, which may be short: the playlist is written again for each part. */
const MAX_SEGMENTS = 120

/** The segments that viewers can get now, in order; the last one grows. The oldest go when there are too many. */
export class SegmentWindow {
  readonly #segments: Segment[] = []
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
    let seconds = 0
    let bytes = 0
    let keep = 0
    for (const { whole } of this.#segments.toReversed()) {
      seconds += whole?.seconds ?? 0
      bytes += whole?.length ?? 0
      if (keep > 0 && (seconds > WINDOW_SECONDS || bytes > MAX_BYTES || keep >= MAX_SEGMENTS)) break
      keep++
    }
    for (const old of this.#segments.splice(0, this.#segments.length - keep)) {
      this.#files.delete(old.file)
      for (const part of old.parts) this.#files.delete(part.file)
      if (old.discontinuity) this.#discontinuities++
      if (this.#segments[0]?.init !== old.init) this.#files.delete(old.init.file)
    }
  }
}
