import type { BusListener, Layout } from '../../broadcast/listener.ts'
import type { BusTag } from '../../flv/gop-cache.ts'
import { isFrameKind } from '../../flv/tag.ts'
import { Cutter, type CutterOptions } from './cutter.ts'
import { type FrameTime, lastShape, type Shape, shapeOf, shapeOfEnded } from './shape.ts'

/** Most that is kept while the shape of the stream is found out. */
const MAX_OPENING_BYTES = 16 * 1024 * 1024
const MAX_OPENING_TAGS = 5_000

interface Kept {
  tag: BusTag
  layout: Layout
  /** When it came, in ms since 1970. */
  now: number
}

/** How often the shape is looked for, in ms of the stream: each look costs all that is kept. */
const LOOK_MS = 20

/** What a packager is made with. */
export interface PackagerOptions extends CutterOptions {
  /** Whether the publisher asks its encoder for keyframes. */
  asksForKeyframes: boolean
}

/**
 * Makes low-latency HLS of a broadcast: it keeps what comes until it knows how long parts and segments are to be, which a playlist says once and holds
 * to, and has all of it cut by that.
 */
export class Packager implements BusListener {
  readonly #options: PackagerOptions
  /** What came before the shape was known. */
  #kept: Kept[] = []
  #keptBytes = 0
  #hasEntry = false
  /** In ms of the stream. */
  #lookAgainAt = 0
  #cutter: Cutter | null = null

  constructor(options: PackagerOptions) {
    this.#options = options
  }

  /** What the playlist says of parts and segments; null until that is known, and there is a playlist. */
  get shape(): Shape | null {
    return this.#cutter?.shape ?? null
  }

  /** Whether every segment begins with a keyframe, and is expected to. */
  get allIndependent(): boolean {
    return this.#cutter?.allIndependent ?? false
  }

  /** The name of the part that comes next, for a preload hint. */
  get nextPartFile(): string | null {
    return this.#cutter?.nextPartFile ?? null
  }

  push(tag: BusTag, layout: Layout): void {
    const now = Date.now()
    if (this.#cutter) return this.#cutter.push(tag, layout, now)
    const isFrame = isFrameKind(tag.kind)
    // What comes before the first entry is in no segment.
    if (isFrame) this.#hasEntry ||= tag.kind === 'keyframe' || !layout.video
    if (isFrame && !this.#hasEntry) return
    this.#kept.push({ tag, layout, now })
    this.#keptBytes += tag.bytes.length
    const isFull = this.#keptBytes > MAX_OPENING_BYTES || this.#kept.length > MAX_OPENING_TAGS
    if (!isFrame || (!isFull && tag.kind !== 'keyframe' && tag.timestamp < this.#lookAgainAt)) return
    this.#lookAgainAt = tag.timestamp + LOOK_MS
    const { asksForKeyframes } = this.#options
    const shape = shapeOf(this.#frames(), { hasVideo: layout.video, asksForKeyframes })
    if (shape || isFull) this.#begin(shape ?? lastShape(this.#frames()))
  }

  end(): void {
    if (!this.#cutter && this.#hasEntry) this.#begin(shapeOfEnded(this.#frames()))
    this.#cutter?.end()
  }

  #frames(): FrameTime[] {
    return this.#kept.map(({ tag }) => tag).filter(({ kind }) => isFrameKind(kind))
  }

  #begin(shape: Shape): void {
    const kept = this.#kept
    this.#kept = []
    const cutter = new Cutter(this.#options, shape)
    this.#cutter = cutter
    // A track whose header comes behind the first picture is there from the beginning.
    const headers = (['video-header', 'audio-header'] as const).flatMap(
      (kind) => kept.find(({ tag }) => tag.kind === kind) ?? [],
    )
    for (const { tag, layout, now } of [...headers, ...kept]) cutter.push(tag, layout, now)
    // The shape is new, whatever was cut.
    this.#options.onChange()
  }
}
