import { describe, expect, it } from 'vitest'
import { WallClock } from './wall-clock.ts'

describe('the dates of a stream', () => {
  it('are those of the frame that came soonest after its time, and a little before', () => {
    const clock = new WallClock(() => null)
    clock.note(0, 10_980)
    clock.note(1_000, 11_020)
    clock.note(2_000, 12_050)
    expect(clock.at(0)).toBe(9_920)
    expect(clock.at(2_000)).toBe(11_920)
  })

  it('go on where frames come a little sooner, and are set back before they are in the future', () => {
    const clock = new WallClock(() => null)
    clock.note(0, 10_000)
    expect(clock.at(0)).toBe(9_900)
    clock.note(1_000, 10_950)
    expect(clock.at(1_000)).toBe(10_900)
    clock.note(3_000, 12_700)
    expect(clock.at(3_000)).toBe(12_600)
  })

  it('begin anew behind a break, never before one that was told', () => {
    const clock = new WallClock(() => null)
    clock.note(5_000, 15_000)
    expect(clock.at(5_000)).toBe(14_900)
    clock.reset()
    clock.note(3_605_000, 15_040)
    expect(clock.at(3_605_000)).toBe(14_940)
    clock.reset()
    clock.note(3_610_000, 14_000)
    expect(clock.at(3_610_000)).toBe(14_940)
  })

  it('are those that the publisher says, unless they were in the future', () => {
    const clock = new WallClock(() => 9_000)
    clock.note(0, 10_500)
    expect(clock.at(0)).toBe(9_000)
    clock.note(2_000, 11_600)
    expect(clock.at(2_000)).toBe(11_000)
    clock.note(4_000, 12_900)
    expect(clock.at(4_000)).toBe(12_800)
  })
})
