import { expect, it } from 'vitest'
import { Pace } from './pace.ts'

it('frames that come later than the earliest one did are behind by so much', () => {
  const pace = new Pace()
  expect(pace.behindMs(5_000)).toBe(0)
  pace.note(0, 10_300)
  pace.note(33, 10_313)
  expect(pace.behindMs(10_313)).toBe(0)
  pace.note(66, 12_346)
  expect(pace.behindMs(12_346)).toBe(2_000)
  // Nothing more comes.
  expect(pace.behindMs(15_346)).toBe(5_000)
})
