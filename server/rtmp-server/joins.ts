import { atMost } from '../process/at-most.ts'

/**
 * How long a publisher waits until the gateway plays what it will publish. nginx-rtmp keeps nothing of what came before, and gives a player no
 * picture before the next keyframe. It waits for an answer of ours for 10 s (`netcall_timeout`).
 */
const JOIN_MS = 8_000

/** Publishers that were let in and wait for the gateway to join as their first player, by stream name. */
export class Joins {
  readonly #waiting = new Map<string, () => void>()

  /** Resolves when the gateway plays `name`, or does not in time. Its player is being started when this is called. */
  async untilPlayed(name: string): Promise<void> {
    await atMost(JOIN_MS, new Promise<void>((resolve) => this.#waiting.set(name, resolve)))
    this.#waiting.delete(name)
  }

  /** The gateway plays `name` now. */
  played(name: string): void {
    this.#waiting.get(name)?.()
  }
}
