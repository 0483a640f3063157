import { describe, expect, it } from 'vitest'
import type { Pieces, TrackKind } from './scanner.ts'
import { Times } from './times.ts'

const at = (kind: TrackKind, time: number, longest = 0): Pieces[] => [
  { kind, count: 1, first: time, last: time, longest },
]
const picture = (time: number) => at('video', time)
const sound = (time: number) => at('audio', time)

const COPIED = { video: false, audio: false }
/** What Chromium records: the picture is copied, and the sound becomes AAC. */
const CHROMIUM = { video: false, audio: true }

/** Indices of those that jump. */
function jumps(filled: Record<TrackKind, boolean>, pieces: Pieces[][]): number[] {
  const times = new Times(filled)
  return pieces.flatMap((each, index) => (times.see(each) === null ? [] : index))
}

describe('the times of a recording', () => {
  it('jump once where all of it was away, at whatever comes first', () => {
    expect(jumps(CHROMIUM, [picture(0), sound(0), picture(40), picture(20_000), sound(20_010), sound(20_030)])).toEqual(
      [3],
    )
    expect(jumps(CHROMIUM, [sound(0), picture(0), sound(20_000), picture(20_010)])).toEqual([2])
    expect(jumps(CHROMIUM, [sound(90_000), picture(90_000), picture(0), sound(10)])).toEqual([2])
  })

  it('do not jump where slides stand while the sound goes on', () => {
    const minute = Array.from({ length: 3000 }, (_, index) => sound(index * 20))
    expect(jumps(CHROMIUM, [picture(0), ...minute, picture(60_000), sound(60_000)])).toEqual([])
  })

  it('jump where the sound alone was away, and would be filled', () => {
    const minute = Array.from({ length: 1800 }, (_, index) => picture(index * 33))
    expect(jumps(CHROMIUM, [sound(0), ...minute, sound(59_000)])).toEqual([1801])
    expect(jumps(COPIED, [sound(0), ...minute, sound(59_000)])).toEqual([])
  })

  it('may leave out some seconds, and lie behind each other', () => {
    expect(jumps(CHROMIUM, [sound(0), picture(9_000), sound(9_500), picture(8_000)])).toEqual([])
  })

  it('say how much was seen since the last jump', () => {
    const times = new Times(CHROMIUM)
    for (const pieces of [sound(1_000), picture(3_000), sound(2_000)]) times.see(pieces)
    expect(times.span).toBe(2_000)
    times.see(picture(50_000))
    expect(times.span).toBe(0)
    times.see(sound(50_500))
    expect(times.span).toBe(500)
  })
})
