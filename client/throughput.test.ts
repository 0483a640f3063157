import { describe, expect, it } from 'vitest'
import { Throughput } from './throughput.ts'

describe('Throughput', () => {
  it('knows how old the oldest piece is that is not acknowledged', () => {
    const throughput = new Throughput()
    for (let at = 0; at < 10_000; at += 250) throughput.recorded(at, 1000)
    expect(throughput.secondsBehind(10_000, 0)).toBe(0)
    expect(throughput.secondsBehind(10_000, 1000)).toBe(0.25)
    expect(throughput.secondsBehind(10_000, 12_000)).toBe(3)
  })

  it('measures what is recorded, and what arrives', () => {
    const throughput = new Throughput()
    for (let second = 0; second < 10; second++) {
      throughput.recorded(second * 1000, 100_000)
      throughput.delivery(second * 1000, 50_000 * (second + 1))
    }
    expect(throughput.recordedBits(9000)).toBeGreaterThan(750_000)
    expect(throughput.delivery(10_000, 500_000)).toMatchObject({
      delivered: expect.closeTo(300_000, -5),
      progressing: false,
    })
  })

  it('knows from a piece that went quickly what the uplink can carry, and forgets it', () => {
    const throughput = new Throughput()
    throughput.recorded(0, 10_000)
    throughput.acknowledged(100, 0)
    throughput.recorded(1000, 10_000)
    throughput.acknowledged(1400, 0)
    expect(throughput.capacity(2000)).toBe(800_000)
    expect(throughput.capacity(6000)).toBe(200_000)
    expect(throughput.capacity(9000)).toBe(0)
  })
})
