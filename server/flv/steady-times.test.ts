import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SteadyTimes, type TrackName } from './steady-times.ts'

/** Places pictures every 40 ms and sound every 20 ms, which come when they should; `at` says what the encoder writes at a time. */
function placed(seconds: number, at: (time: number, track: TrackName) => number) {
  const jumps: number[] = []
  const times = new SteadyTimes((ms) => jumps.push(ms))
  const out = { video: [] as number[], audio: [] as number[] }
  for (let time = 0; time < seconds * 1000; time += 20) {
    const sent = (track: TrackName) => out[track].push(times.place(track, at(time, track) >>> 0, time))
    if (time % 40 === 0) sent('video')
    sent('audio')
  }
  return { ...out, jumps }
}

const steps = (times: number[]) => new Set(times.slice(1).map((time, index) => time - (times[index] ?? 0)))

/** How far the sound is from the picture that came with it. */
const apart = ({ video, audio }: { video: number[]; audio: number[] }) =>
  Math.max(...video.map((time, index) => Math.abs(time - (audio[2 * index] ?? 0))))

describe('the times of an encoder', () => {
  it.each<[string, (time: number, track: TrackName) => number]>([
    ['from 0 on', (time) => time],
    ['from any time on', (time) => time + 3_000_000_000],
    ['over the end of 32 bits', (time) => time + 2 ** 32 - 2_000],
    ['with sound just below zero', (time, track) => (track === 'audio' ? time - 44 : time)],
    ['with tracks that begin far apart', (time, track) => (track === 'audio' ? time + 3_600_000 : time)],
  ])('go on evenly, and stay together: %s', (_, at) => {
    const { video, audio, jumps } = placed(10, at)
    expect([...steps(video), ...steps(audio), jumps.length]).toEqual([40, 20, 0])
    expect(apart({ video, audio })).toBeLessThanOrEqual(44)
  })

  it.each<[string, (time: number) => number]>([
    ['back by a minute', (time) => (time < 5_000 ? time + 60_000 : time)],
    ['ahead by an hour', (time) => (time < 5_000 ? time : time + 3_600_000)],
    ['back to 0, as of an encoder that was set anew', (time) => (time < 5_000 ? time : time - 5_000)],
    ['to and fro', (time) => (Math.floor(time / 1_000) % 2 ? time : time + 20_000)],
  ])('go on without a jump where they jump %s', (_, at) => {
    const { video, audio, jumps } = placed(10, at)
    expect(Math.max(...steps(video))).toBeLessThanOrEqual(60)
    expect(Math.min(...steps(video))).toBeGreaterThan(0)
    expect(Math.min(...steps(audio))).toBeGreaterThan(0)
    expect(apart({ video, audio })).toBeLessThanOrEqual(40)
    expect(jumps.length).toBeGreaterThan(0)
    expect(video.at(-1)).toBeCloseTo((video[0] ?? 0) + 10_000, -3)
  })

  it('keep a gap that really was: nothing came for ten seconds', () => {
    const times = new SteadyTimes(() => {
      throw new Error('It is no jump.')
    })
    times.place('video', 0, 0)
    expect(times.place('video', 10_000, 10_000)).toBe(10_000)
    // What waited in a network that was down comes at once, with the times that it has.
    expect(times.place('video', 10_040, 60_000)).toBe(10_040)
    expect(times.place('video', 12_000, 60_001)).toBe(12_000)
  })

  it('never leave each other, or go back by more than they may, whatever an encoder writes', () => {
    const piece = fc.tuple(
      fc.constantFrom<TrackName>('audio', 'video'),
      fc.integer({ min: 0, max: 2 ** 32 - 1 }),
      fc.integer({ min: 0, max: 100 }),
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => {
        const times = new SteadyTimes()
        const last = new Map<TrackName, number>()
        let now = 0
        for (const [track, time, wait] of pieces) {
          now += wait
          const at = times.place(track, time, now)
          const before = last.get(track) ?? at
          expect(at - before).toBeGreaterThanOrEqual(-2_000)
          expect(at - before).toBeLessThanOrEqual(3_000 + now + 2_000)
          last.set(track, at)
        }
      }),
    )
  })
})
