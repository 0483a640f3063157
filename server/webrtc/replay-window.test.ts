import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ReplayWindow, SequenceExtender } from './replay-window.ts'

describe('a replay window', () => {
  it('takes each number once', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(10_000), { maxLength: 400 }), (numbers) => {
        const window = new ReplayWindow()
        const taken = new Set<number>()
        for (const number of numbers) {
          if (!window.isNew(number)) continue
          expect(taken.has(number)).toBe(false)
          taken.add(number)
          window.take(number)
        }
      }),
    )
  })

  it('takes late ones, and none that are too late', () => {
    const window = new ReplayWindow()
    window.take(10_000)
    expect([window.isNew(9_999), window.isNew(10_000), window.isNew(10_000 - 4_095)]).toEqual([true, false, true])
    expect(window.isNew(10_000 - 4_096)).toBe(false)
  })
})

describe('the index of a packet (RFC 3711, section 3.3.1)', () => {
  it('is right wherever the loss is, also across the end of the numbers', () => {
    const losses = fc.array(fc.integer({ min: 1, max: 30_000 }), { maxLength: 60 })
    fc.assert(
      fc.property(fc.nat(65_535), losses, (first, gaps) => {
        const extender = new SequenceExtender()
        let index = first
        for (const gap of [0, ...gaps]) {
          index += gap
          expect(extender.guess(index % 65_536)).toBe(index)
          extender.take(index)
        }
      }),
    )
  })

  it('goes back for a packet from before the end of the numbers', () => {
    const extender = new SequenceExtender()
    for (const index of [65_530, 65_540]) extender.take(index)
    expect(extender.guess(65_535)).toBe(65_535)
    expect(extender.guess(5)).toBe(65_541)
  })
})
