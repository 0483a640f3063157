/** How a retry waits: the first time about `minMs`, and never longer than `maxMs`. */
export interface Backoff {
  minMs: number
  maxMs: number
}

/** How long to wait before attempt `attempt` (from 0), in ms: doubled each time up to a bound, and shortened by up to a half at random. */
export function backoff(attempt: number, { minMs, maxMs }: Backoff, random: () => number = Math.random): number {
  return Math.round(Math.min(maxMs, minMs * 2 ** Math.min(attempt, 30)) * (1 - random() / 2))
}
