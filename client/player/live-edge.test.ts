import { describe, expect, it } from 'vitest'
import { LiveEdge } from './live-edge.ts'

/** As for HTTP-FLV. */
const NEEDS = { leastMargin: 0.12, firstJump: 0.3 }
const CHUNK_S = 0.1
const STEP_S = 0.05

/** Plays for `seconds`, with chunks that come every 100 ms; `ahead` s are in the buffer at first. */
function play(edge: LiveEdge, ahead: number, seconds: number, from = 0) {
  let buffered = ahead
  let jumps = 0
  let stalls = 0
  let fastest = 1
  for (let step = 0; step < seconds / STEP_S; step++) {
    const now = from + step * STEP_S
    if (step % Math.round(CHUNK_S / STEP_S) === 0) buffered += CHUNK_S
    const next = edge.next(buffered, now)
    if (next.kind === 'jump') {
      jumps++
      buffered = next.behindEnd
    }
    const rate = next.kind === 'rate' ? next.rate : 1
    fastest = Math.max(fastest, rate)
    buffered -= rate * STEP_S
    if (buffered < 0) {
      stalls++
      edge.stalled(now)
      buffered = 0
    }
  }
  return { buffered, jumps, stalls, fastest }
}

describe('LiveEdge', () => {
  it('jumps over the beginning of a group of pictures, and then stays near the end without a stall', () => {
    const { buffered, jumps, stalls } = play(new LiveEdge(NEEDS), 1.8, 20)
    expect(jumps).toBe(1)
    expect(stalls).toBe(0)
    expect(buffered).toBeLessThan(0.5)
  })

  it('catches up a little faster than time where it is a little behind, without a jump', () => {
    const edge = new LiveEdge(NEEDS)
    play(edge, 0.2, 2)
    const { buffered, jumps, fastest } = play(edge, 1.2, 20, 2)
    expect(jumps).toBe(0)
    expect(fastest).toBeGreaterThan(1)
    expect(fastest).toBeLessThanOrEqual(1.1)
    expect(buffered).toBeLessThan(0.5)
  })

  it('jumps where it is far behind', () => {
    const edge = new LiveEdge(NEEDS)
    play(edge, 0.2, 2)
    expect(play(edge, 6, 5, 2).jumps).toBe(1)
  })

  it('keeps more after stalls, up to a bound, and tries with less again after a calm time', () => {
    const edge = new LiveEdge(NEEDS)
    const before = edge.behindEnd
    for (let stall = 0; stall < 50; stall++) edge.stalled(stall)
    expect(edge.behindEnd).toBeGreaterThan(before + 1)
    expect(edge.behindEnd).toBeLessThan(3)
    play(edge, 1, 3_000, 50)
    expect(edge.behindEnd).toBeCloseTo(before)
  })
})
