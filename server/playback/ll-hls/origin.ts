import { randomUUID } from 'node:crypto'
import type { Broadcast } from '../../broadcast/broadcast.ts'
import { Packager } from './packager.ts'
import { mediaPlaylist } from './playlist.ts'
import { type Segment, SegmentWindow } from './window.ts'

/** How far a request may look ahead, in segments: for more, it is answered with 400 at once (RFC 8216bis, 6.2.5.2). */
const MAX_AHEAD = 2

/** How long a request is held, in target durations, and where none is known yet, in seconds. */
const HELD_TARGETS = 3
const HELD_SECONDS = 12

/** Timelines are told apart by a number that is not higher: hls.js counts up to it, one by one. */
const MAX_FIRST_DISCONTINUITY = 10_000

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

  constructor(broadcast: Broadcast) {
    // Numbers from the clock: a later broadcast of this name, also by another gateway, goes on with higher ones.
    const first = Math.floor(Date.now() / 1000)
    this.#window = new SegmentWindow(first % MAX_FIRST_DISCONTINUITY)
    this.#packager = new Packager(this.#window, randomUUID().slice(0, 8), first, () => this.#changed())
    broadcast.listen({
      push: (tag, layout) => this.#packager.push(tag, layout),
      end: () => {
        this.#ended = true
        this.#packager.end()
      },
    })
  }

  /** Seconds; null until the first segment is whole, and there is a playlist. */
  get targetSeconds(): number | null {
    return this.#packager.targetSeconds ?? (this.#ended ? this.#longestSeconds() : null)
  }

  get ended(): boolean {
    return this.#ended
  }

  /** The playlist as it is now. See {@link mediaPlaylist}. */
  playlist(prefix: string, skip: boolean): string {
    const key = `${prefix} ${skip}`
    let text = this.#texts.get(key)
    if (text === undefined) {
      text = mediaPlaylist(
        {
          segments: this.#window.segments,
          discontinuities: this.#window.discontinuities,
          targetSeconds: this.targetSeconds ?? 0,
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

  /** Waits until there is a playlist at all. */
  begun(signal: AbortSignal): Promise<Wait> {
    return this.#hold(() => this.targetSeconds !== null, signal)
  }

  /** Waits until the playlist contains `position`, or a later one (6.2.5.2). */
  reached(position: Position, signal: AbortSignal): Promise<Wait> {
    const last = this.#window.last?.number ?? 0
    if (position.segment > last + MAX_AHEAD && !this.#ended) return Promise.resolve('too-far')
    return this.#hold(() => this.#ended || this.#has(position), signal)
  }

  /** The bytes of a file, as soon as it is there if it is the part that the playlist announces; null where there is no such file. */
  async file(name: string, signal: AbortSignal): Promise<Buffer | null> {
    if (name === this.#packager.nextPartFile && !this.#ended) {
      await this.#hold(() => this.#ended || name !== this.#packager.nextPartFile, signal)
    }
    return this.#window.file(name)
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

  /** A target duration for a broadcast that ended before it had one. */
  #longestSeconds(): number | null {
    const seconds = this.#window.segments.map(({ whole }: Segment) => whole?.seconds ?? 0)
    return seconds.length === 0 ? null : Math.max(1, ...seconds.map(Math.round))
  }
}
