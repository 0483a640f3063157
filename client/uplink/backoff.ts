const MIN_DELAY_MS = 250
const MAX_DELAY_MS = 5_000

/** How long to wait before attempt `attempt` (from 0): doubled each time up to 5 s, shortened by up to a half at random. */
export function backoff(attempt: number, random: () => number = Math.random): number {
  return Math.min(MAX_DELAY_MS, MIN_DELAY_MS * 2 ** attempt) * (1 - random() / 2)
}
