import { randomUUID } from 'node:crypto'
import type { Broadcast } from '../../broadcast/broadcast.ts'
import { multivariantPlaylist } from './multivariant.ts'
import { Packager } from './packager.ts'
import { mediaPlaylist } from './playlist.ts'
import { SegmentWindow } from './window.ts'

/** How far a request may look ahead, in segments: for more, it is answered with 400 at once (RFC 8216bis, 6.2.5.2). */
const MAX_AHEAD = 2

/** How far, in ms: the Advance Part Limit (6.2.5.2) is three parts where they are as long as a second, and as many as are three seconds otherwise. */
const MAX_AHEAD_MS = 3_000
const MIN_AHEAD_PARTS = 3
/** How long a request is held, in target durations, and where none is known yet, in seconds. */
const HELD_TARGETS = 3
const HELD_SECONDS = 12

/** Timelines are numbered from the hours since 2026 began: hls.js counts up to the number, one by one. */
const FIRST_DISCONTINUITY_AT = Date.UTC(2026, 0)
const DISCONTINUITY_MS = 3_600_000

/**
 * How long after the last part the end is told, in ms. hls.js loads no part of the segment that it is in from a playlist that is at its end, and waits
 * for it: so it has to have seen the last part before.
 */
const END_AFTER_MS = 1_000

/** Most requests that are held at a time for one broadcast. */
export const MAX_HELD = 10_000

/** A position in a playlist: media sequence number, and part; null asks for the whole segment. */
export interface Position {
  segment: number
  part: number | null
}

/** How a wait for a position ended. `too-many` and `timeout` are worth another try later. */
export type Wait = 'there' | 'too-far' | 'too-many' | 'timeout'

interface Held {
  isThere(): boolean
  settle(end: Wait): void
}

/** The low-latency HLS of one broadcast, in memory: it holds requests for what comes next until it is there. */
export class LlHlsOrigin {
  readonly #window: SegmentWindow
  readonly #packager: Packager
  readonly #held = new Set<Held>()
  readonly #texts = new Map<string, string>()
  #ended = false
  #ending: NodeJS.Timeout | undefined

  /** `before` is what viewers of this name had until now: numbers go on from there. */
  constructor(broadcast: Broadcast, before: LlHlsOrigin | null = null) {
    // Numbers from the clock: a later broadcast of this name, also by another gateway, goes on with higher ones.
    const now = Date.now()
    const firstNumber = Math.max(Math.floor(now / 1000), before?.afterLast.number ?? 0)
    const hours = Math.floor((now - FIRST_DISCONTINUITY_AT) / DISCONTINUITY_MS)
    this.#window = new SegmentWindow(Math.max(0, hours, before?.afterLast.discontinuity ?? 0))
    this.#packager = new Packager({
      window: this.#window,
      id: randomUUID().slice(0, 8),
      firstNumber,
      asksForKeyframes: broadcast.source === 'recorder',
      capturedFrom: () => broadcast.capturedFrom,
      onChange: () => this.#changed(),
    })
    broadcast.listen({
      push: (tag, layout) => this.#packager.push(tag, layout),
      end: () => {
        this.#packager.end()
        this.#changed()
        this.#ending = setTimeout(() => this.#end(), END_AFTER_MS)
      },
    })
  }

  /** Tells the end now where that is still to come. */
  close(): void {
    if (!this.#ending) return
    clearTimeout(this.#ending)
    this.#end()
  }

  /** Seconds; null until it is known, and there is a playlist. */
  get targetSeconds(): number | null {
    return this.#packager.shape?.targetSeconds ?? null
  }

  /** The media sequence number and the discontinuity sequence of what could follow. */
  get afterLast(): { number: number; discontinuity: number } {
    const { last, discontinuities, segments } = this.#window
    const within = segments.filter(({ discontinuity }) => discontinuity).length
    return { number: (last?.number ?? 0) + 1, discontinuity: discontinuities + within + 1 }
  }

  get ended(): boolean {
    return this.#ended
  }

  /** The playlist as it is now; '' before there is one. See {@link mediaPlaylist}. */
  playlist(prefix: string, skip: boolean): string {
    const key = `${prefix} ${skip}`
    const { shape } = this.#packager
    if (shape === null) return ''
    let text = this.#texts.get(key)
    if (text === undefined) {
      text = mediaPlaylist(
        {
          segments: this.#window.segments,
          discontinuities: this.#window.discontinuities,
          shape,
          allIndependent: this.#packager.allIndependent,
          nextPartFile: this.#ended ? null : this.#packager.nextPartFile,
        },
        prefix,
        skip,
      )
      this.#texts.set(key, text)
    }
    return text
  }

  /** The multivariant playlist as it is now, which names the media playlist `uri`. See {@link multivariantPlaylist}. */
  multivariant(uri: string): string {
    const { segments } = this.#window
    return multivariantPlaylist([{ uri, segments, targetSeconds: this.targetSeconds ?? 1 }])
  }

  /** Waits until there is a playlist at all. */
  begun(signal: AbortSignal): Promise<Wait> {
    return this.#hold(() => this.targetSeconds !== null, signal)
  }

  /** Waits until the playlist contains `position`, or a later one (6.2.5.2). */
  reached(position: Position, signal: AbortSignal): Promise<Wait> {
    if (this.#isTooFar(position) && !this.#ended) return Promise.resolve('too-far')
    return this.#hold(() => this.#ended || this.#has(position), signal)
  }

  /** The bytes of a file, as soon as it is there if it is the part that the playlist announces; null where there is no such file. */
  async file(name: string, signal: AbortSignal): Promise<Buffer | null> {
    if (name === this.#packager.nextPartFile && !this.#ended) {
      await this.#hold(() => this.#ended || name !== this.#packager.nextPartFile, signal)
    }
    return this.#window.file(name)
  }

  #end(): void {
    this.#ending = undefined
    this.#ended = true
    this.#changed()
  }

  #isTooFar({ segment, part }: Position): boolean {
    const { last } = this.#window
    const number = last?.number ?? 0
    if (segment > number + MAX_AHEAD) return true
    if (part === null || segment < number) return false
    const there = last && last.number === segment ? last.parts.length : 0
    const isAfterLast = last?.number === segment && last.whole !== null
    const most = Math.max(MIN_AHEAD_PARTS, Math.ceil(MAX_AHEAD_MS / (this.#packager.shape?.partMs ?? MAX_AHEAD_MS)))
    return !isAfterLast && part >= there + most
  }

  #has({ segment, part }: Position): boolean {
    const { segments, last } = this.#window
    if (!last || last.number < segment) return false
    if (last.number === segment) return part === null ? last.whole !== null : last.parts.length > part
    const asked = segments.find(({ number }) => number === segment)
    // A part behind the last of its segment stands for the first of the next one.
    if (asked && part !== null && part >= asked.parts.length && last.number === segment + 1)
      return last.parts.length > 0
    return true
  }

  #hold(isThere: () => boolean, signal: AbortSignal): Promise<Wait> {
    if (isThere()) return Promise.resolve('there')
    if (signal.aborted) return Promise.resolve('timeout')
    if (this.#held.size >= MAX_HELD) return Promise.resolve('too-many')
    return new Promise((resolve) => {
      const held: Held = {
        isThere,
        settle: (end) => {
          clearTimeout(timer)
          signal.removeEventListener('abort', giveUp)
          this.#held.delete(held)
          resolve(end)
        },
      }
      const giveUp = () => held.settle('timeout')
      const seconds = this.targetSeconds === null ? HELD_SECONDS : this.targetSeconds * HELD_TARGETS
      const timer = setTimeout(giveUp, seconds * 1000)
      signal.addEventListener('abort', giveUp)
      this.#held.add(held)
    })
  }

  #changed(): void {
    this.#texts.clear()
    for (const held of this.#held) if (held.isThere()) held.settle('there')
  }
}
