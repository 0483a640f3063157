import { describe, expect, it } from 'vitest'
import { MediaClock } from './media-clock.ts'

describe('the times of what comes', () => {
  it('are right from the first packet on, across the end of timestamps', () => {
    const clock = new MediaClock(90_000)
    const begin = 2 ** 32 - 4500
    expect([0, 1, 2].map((index) => clock.timeOf((begin + index * 3000) % 2 ** 32, 1000 + index * 33.4))).toEqual([
      1000,
      expect.closeTo(1033.33, 1),
      expect.closeTo(1066.67, 1),
    ])
  })

  it('follow the packet that came soonest, in steps that nobody sees', () => {
    const clock = new MediaClock(90_000)
    clock.timeOf(0, 100)
    const times = Array.from({ length: 60 }, (_, index) => clock.timeOf(3000 * (index + 1), (index + 1) * (100 / 3)))
    const steps = times.map((time, index) => time - (times[index - 1] ?? 100))
    expect(Math.min(...steps)).toBeGreaterThan(31)
    expect(times.at(-1)).toBeCloseTo(60 * (100 / 3), 0)
  })

  it('of picture and sound belong together as sender reports say, a moment later', () => {
    const [video, audio] = [new MediaClock(90_000), new MediaClock(48_000)]
    audio.timeOf(0, 0)
    // The picture came 300 ms late, and was captured with the sound.
    video.timeOf(0, 300)
    audio.report(48_000, 5_001_000)
    video.report(90_000, 5_001_000)
    video.follow(audio)
    const times = Array.from({ length: 300 }, (_, index) => video.timeOf(3000 * (index + 1), 300 + (index + 1) * 33.3))
    expect(times.at(-1)).toBeCloseTo(300 * (100 / 3), 0)
  })

  it('do not follow reports that cannot be', () => {
    const [video, audio] = [new MediaClock(90_000), new MediaClock(48_000)]
    audio.timeOf(0, 0)
    video.timeOf(0, 0)
    audio.report(0, 1_000)
    video.report(0, 9_999_999)
    video.follow(audio)
    expect(video.timeOf(90_000, 1000)).toBeCloseTo(1000, 5)
  })
})
