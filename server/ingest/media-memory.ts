import { totalmem } from 'node:os'

/** Share of the machine's memory that what waits for FFmpegs may have, in all, and the most that is needed. */
const SHARE = 1 / 8
const MAX_BYTES = 512 * 1024 * 1024

/** What each publisher may hold however full it is, so that everybody goes on. */
const MIN_SHARE_BYTES = 512 * 1024

/**
 * Counts what waits of all publishers together, in bytes. Half of the room is there for whoever needs it; the fuller the rest gets, the less
 * each may hold, and a publisher's socket that holds more is not read.
 */
export class MediaMemory {
  readonly #limitBytes: number
  #bytes = 0

  constructor(limitBytes = Math.min(MAX_BYTES, totalmem() * SHARE)) {
    this.#limitBytes = limitBytes
  }

  /** Bytes that wait. */
  get bytes(): number {
    return this.#bytes
  }

  /** What one publisher may hold now, in bytes. */
  get shareBytes(): number {
    const left = this.#limitBytes - this.#bytes
    if (left > this.#limitBytes / 2) return Number.POSITIVE_INFINITY
    return Math.max(MIN_SHARE_BYTES, left / 16)
  }

  take(bytes: number): void {
    this.#bytes += bytes
  }

  give(bytes: number): void {
    this.#bytes -= bytes
  }
}
