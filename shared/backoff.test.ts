import { expect, it } from 'vitest'
import { backoff } from './backoff.ts'

const WAITS = { minMs: 250, maxMs: 5_000 }

it('doubles the wait up to its bound, however often it failed', () => {
  const waits = [0, 1, 2, 3, 4, 5, 2_000].map((attempt) => backoff(attempt, WAITS, () => 0))
  expect(waits).toEqual([250, 500, 1_000, 2_000, 4_000, 5_000, 5_000])
})

it('shortens it by up to a half, so that a crowd does not come back at once', () => {
  expect([0, 0.5, 0.99].map((random) => backoff(2, WAITS, () => random))).toEqual([1_000, 750, 505])
})
