import { describe, expect, it } from 'vitest'
import { viewersInAll } from '../../shared/status.ts'
import { Audience } from './audience.ts'

describe('Audience', () => {
  it('counts those who are connected, and those who asked lately, once each', () => {
    const audience = new Audience()
    const leave = audience.join('flv')
    audience.join('flvWebSocket')
    audience.asked('llHls', 'one', 0)
    audience.asked('llHls', 'two', 4_000)
    audience.asked('llHls', 'one', 5_000)
    audience.asked('hls', 'three', 5_000)
    const counts = audience.status(6_000)
    expect(counts).toMatchObject({ flv: 1, flvWebSocket: 1, llHls: 2, hls: 1 })
    expect(viewersInAll(counts)).toBe(5)
    leave()
    expect(audience.status(14_500)).toMatchObject({ flv: 0, llHls: 1, hls: 1 })
    expect(audience.status(60_000)).toMatchObject({ llHls: 0, hls: 0, flvWebSocket: 1 })
  })

  it('remembers a bounded number', () => {
    const audience = new Audience()
    for (let index = 0; index < 30_000; index++) audience.asked('llHls', `viewer ${index}`, 0)
    expect(audience.status(1).llHls).toBe(20_000)
  })
})
