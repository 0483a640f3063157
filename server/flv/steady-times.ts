import { nearestTime } from './wrapped-time.ts'

/** Values of the 32 bits in which times are sent: they begin again after 49 days. */
const WRAP = 2 ** 32

/** Within one track a step back by more than this, in ms, is a jump. */
const MAX_BACK_MS = 500

/** A step ahead that is so much longer than what passed here, in ms, is a jump. */
const MAX_AHEAD_MS = 3_000

/** Where the two tracks begin or jump to within so many ms of each other, they have the same clock. */
const SAME_CLOCK_MS = 1_500

/** The tracks of one encoder. */
export type TrackName = 'audio' | 'video'

interface TrackTimes {
  /** The last time as it came, without the wrap. */
  raw: number
  /** The last time that was given. */
  out: number
  offset: number
  /** When it came, on the monotonic clock. */
  at: number
}

/**
 * The times of one encoder, without their faults: they wrap after 32 bits, begin anywhere, and jump when the clock of the encoder, or of what feeds it, is set.
 * Behind a jump a track goes on as much later as it came, and the other track, which jumps as well, with it: pictures and sound stay together.
 */
export class SteadyTimes {
  readonly #tracks = new Map<TrackName, TrackTimes>()
  readonly #onJump: (ms: number) => void

  /** `onJump` is told by how much the times of a track jumped, in ms. */
  constructor(onJump: (ms: number) => void = () => {}) {
    this.#onJump = onJump
  }

  /** The time of a tag of `track` that says `time`, and came at `now` on the monotonic clock. All in ms. */
  place(track: TrackName, time: number, now: number): number {
    const other = this.#tracks.get(track === 'audio' ? 'video' : 'audio')
    const last = this.#tracks.get(track)
    if (!last) return this.#begin(track, time, now, other)
    const raw = nearestTime(last.raw, time, WRAP)
    const step = raw - last.raw
    const passed = now - last.at
    const isJump = step < -MAX_BACK_MS || step > MAX_AHEAD_MS + passed
    // Of pictures that were left out where the line was slow, the next one is where the sound is.
    const isWhereOtherIs = other?.offset === last.offset && Math.abs(raw - other.raw) < SAME_CLOCK_MS
    if (isJump && !isWhereOtherIs) {
      const believed = last.out + Math.max(1, Math.round(passed))
      last.offset = believed - raw
      if (other && Math.abs(other.offset - last.offset) < SAME_CLOCK_MS) last.offset = other.offset
      else this.#onJump(step)
    }
    last.raw = raw
    last.at = now
    last.out = raw + last.offset
    return last.out
  }

  #begin(track: TrackName, time: number, now: number, other: TrackTimes | undefined): number {
    // One just below zero, as of the first samples of an encoder, is sent as one near the wrap.
    const raw = nearestTime(other?.raw ?? 0, time, WRAP)
    let offset = other?.offset ?? 0
    // One that begins with times of its own begins where the other one is.
    if (other && Math.abs(raw - other.raw) > MAX_AHEAD_MS + (now - other.at)) offset = other.out - raw
    this.#tracks.set(track, { raw, out: raw + offset, offset, at: now })
    return raw + offset
  }
}
