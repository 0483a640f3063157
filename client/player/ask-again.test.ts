import { expect, it } from 'vitest'
import { askAgainMs } from './ask-again.ts'

/** What one address may call in a minute. */
const CALLS = 6000

it('a player that waits asks each second at first, and a thousand who wait for long stay below what one address may ask', () => {
  expect([askAgainMs(0, 0.5), askAgainMs(10_000, 0.5), askAgainMs(60_000, 0.5)]).toEqual([1000, 1000, 6000])
  for (const random of [0, 0.5, 0.999]) expect((1000 * 60_000) / askAgainMs(3_600_000, random)).toBeLessThan(CALLS)
})
