import { viewersInAll } from '../../shared/status.ts'
import type { Broadcast } from '../broadcast/broadcast.ts'

/** How often broadcasts are looked at. */
const BEAT_MS = 1_000

/** How much of the past is kept of each: five minutes. */
export const MAX_BEATS = 300

/** How a broadcast was at a moment. */
export interface Beat {
  /** Milliseconds since 1970. */
  at: number
  /** What came in the second before. */
  bitsPerSecond: number
  /** How much later its newest frame is than the earliest that frames ever came, in ms: what an uplink or a transcoder is behind. */
  behindMs: number
  viewers: number
}

/** Takes the pulse of every broadcast once a second, and keeps it for a while, for plots and metrics. */
export class Pulse {
  readonly #broadcasts: () => Broadcast[]
  #onBeat: (broadcast: Broadcast, beat: Beat, bytes: number) => void = () => {}
  readonly #beats = new WeakMap<Broadcast, { bytesIn: number; ageMs: number; beats: Beat[] }>()
  readonly #timer: NodeJS.Timeout

  constructor(broadcasts: () => Broadcast[]) {
    this.#broadcasts = broadcasts
    this.#timer = setInterval(() => this.beat(), BEAT_MS)
    this.#timer.unref()
  }

  /** `listener` gets each beat from now on, with the bytes that came since the last one. */
  onBeat(listener: (broadcast: Broadcast, beat: Beat, bytes: number) => void): void {
    this.#onBeat = listener
  }

  /** The last minutes of a broadcast, oldest first. */
  of(broadcast: Broadcast): Beat[] {
    return this.#beats.get(broadcast)?.beats ?? []
  }

  /** A broadcast is over: counts what came since the last beat. */
  end(broadcast: Broadcast): void {
    this.#take(broadcast)
  }

  beat(): void {
    for (const broadcast of this.#broadcasts()) this.#take(broadcast)
  }

  close(): void {
    clearInterval(this.#timer)
  }

  #take(broadcast: Broadcast): void {
    const kept = this.#beats.get(broadcast) ?? { bytesIn: 0, ageMs: 0, beats: [] }
    this.#beats.set(broadcast, kept)
    const bytes = broadcast.bytesIn - kept.bytesIn
    kept.bytesIn = broadcast.bytesIn
    const { ageMs } = broadcast
    const bitsPerSecond = Math.round((bytes * 8000) / Math.max(1, ageMs - kept.ageMs))
    kept.ageMs = ageMs
    const viewers = viewersInAll(broadcast.audience.status())
    const beat = { at: Date.now(), bitsPerSecond, behindMs: broadcast.behindMs(), viewers }
    kept.beats.push(beat)
    if (kept.beats.length > MAX_BEATS) kept.beats.shift()
    this.#onBeat(broadcast, beat, bytes)
  }
}
