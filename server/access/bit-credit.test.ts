import { describe, expect, it } from 'vitest'
import { BitCredit } from './bit-credit.ts'

const RATE = 1_000_000
const SECOND = 1000

function at() {
  let now = 0
  const credit = new BitCredit(() => now)
  const pass = (ms: number) => {
    now += ms
  }
  return { credit, pass }
}

describe('what a token may send', () => {
  it('is its bitrate and some more, second by second', () => {
    const { credit, pass } = at()
    for (let second = 0; second < 600; second++) {
      pass(SECOND)
      expect(credit.spend('token', RATE, 1.25 * RATE)).toBe(true)
    }
    let seconds = 0
    for (; credit.spend('token', RATE, 2 * RATE); seconds++) pass(SECOND)
    expect(seconds).toBeLessThan(120)
  })

  it('comes at once after an outage', () => {
    const { credit, pass } = at()
    expect(credit.spend('token', RATE, RATE)).toBe(true)
    pass(60 * SECOND)
    expect(credit.spend('token', RATE, 60 * RATE)).toBe(true)
  })

  it('is the same in all of its broadcasts: one after the other gives no more', () => {
    const { credit, pass } = at()
    let bits = 0
    // A broadcast each half second, with all that a beginning allows.
    for (let broadcast = 0; broadcast < 120; broadcast++, pass(SECOND / 2)) {
      if (credit.spend('token', RATE, 10 * RATE)) bits += 10 * RATE
    }
    expect(bits).toBeLessThan(1.3 * RATE * (60 + 10) + 10 * RATE)
    expect(credit.spend('another', RATE, 10 * RATE)).toBe(true)
  })

  it('is remembered of so many tokens, and no more', () => {
    const { credit } = at()
    expect(credit.spend('first', RATE, 14 * RATE)).toBe(false)
    for (let i = 0; i < 10_000; i++) credit.spend(`token-${i}`, RATE, 0)
    expect(credit.spend('first', RATE, RATE)).toBe(true)
  })
})
