import { describe, expect, it } from 'vitest'
import { Adaptation } from './adaptation.ts'
import { type Quality, qualityOf } from './record/quality.ts'

/** An uplink that is looked at once a second: what it cannot carry waits, and grows older. */
function simulate(adaptation: Adaptation, start: Quality, uplink: (second: number) => number, seconds: number) {
  let quality = start
  const waiting: { second: number; bits: number }[] = []
  const log: { second: number; behind: number; id: string }[] = []
  for (let second = 0; second < seconds; second++) {
    waiting.push({ second, bits: quality.videoBitsPerSecond + quality.audioBitsPerSecond })
    let room = uplink(second)
    let delivered = 0
    for (let [oldest] = waiting; oldest && room > 0; [oldest] = waiting) {
      const carried = Math.min(room, oldest.bits)
      oldest.bits -= carried
      room -= carried
      delivered += carried
      if (oldest.bits === 0) waiting.shift()
    }
    const behind = second - (waiting[0]?.second ?? second) + 0.3
    const left = waiting.reduce((sum, { bits }) => sum + bits, 0)
    const capacity = uplink(second)
    const observation = { now: second * 1000, behind, waiting: left, delivered, capacity, progressing: delivered > 0 }
    quality = adaptation.observe(observation) ?? quality
    log.push({ second, behind, id: quality.id })
  }
  return log
}

describe('Adaptation', () => {
  const chosen = qualityOf('720p')

  it('stays where it is while the uplink keeps up', () => {
    const log = simulate(new Adaptation(chosen), chosen, () => 10e6, 120)
    expect(new Set(log.map(({ id }) => id))).toEqual(new Set(['720p']))
  })

  it('goes down when the uplink is slow, catches up within 15 s, and climbs back when there is room', () => {
    const log = simulate(new Adaptation(chosen), chosen, (second) => (second >= 10 && second < 70 ? 1e6 : 10e6), 140)
    expect(log.slice(25, 70).every(({ behind }) => behind < 2)).toBe(true)
    expect(log[69]?.id).not.toBe('720p')
    expect(log.at(-1)?.id).toBe('720p')
  })

  it('tries less and less often to climb where that is too much', () => {
    const log = simulate(new Adaptation(chosen), chosen, () => 1.2e6, 400)
    expect(log.slice(30).filter(({ behind }) => behind > 2).length).toBeLessThan(30)
    const changes = log.filter(({ id }, index) => index > 0 && id !== log[index - 1]?.id).length
    expect(changes).toBeLessThan(20)
    expect(log.slice(20).every(({ behind }) => behind < 4)).toBe(true)
  })

  it('gives what waited during a cut the time to go out, and goes down where that does not help', () => {
    const adaptation = new Adaptation(chosen)
    const backlog = (now: number, behind: number) =>
      adaptation.observe({ now, behind, waiting: behind * 2.6e6, delivered: 1e6, capacity: 1e6, progressing: true })
    expect(backlog(0, 0.3)).toBeNull()
    adaptation.reconnected(4_000)
    for (const now of [4_100, 5_100, 6_100]) expect(backlog(now, 4)).toBeNull()
    expect(backlog(7_100, 4.5)?.videoBitsPerSecond).toBeLessThan(1e6)
  })

  it('waits where nothing arrives at all', () => {
    const adaptation = new Adaptation(chosen)
    for (let second = 0; second < 20; second++) {
      expect(
        adaptation.observe({
          now: second * 1000,
          behind: second,
          waiting: second * 2.6e6,
          delivered: 0,
          capacity: 0,
          progressing: false,
        }),
      ).toBeNull()
    }
  })

  it('takes nothing for slow that is catching up after an outage', () => {
    const adaptation = new Adaptation(chosen)
    for (const [second, behind] of [8, 6, 4, 2, 0.4].entries()) {
      if (second === 0)
        adaptation.observe({ now: 0, behind: 9, waiting: 25e6, delivered: 0, capacity: 0, progressing: false })
      else
        expect(
          adaptation.observe({
            now: second * 1000,
            behind,
            waiting: behind * 2.6e6,
            delivered: 8e6,
            capacity: 8e6,
            progressing: true,
          }),
        ).toBeNull()
    }
  })
})
