import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { Directory } from '../broadcast/directory.ts'
import { MAX_BEATS, Pulse } from './pulse.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

it('a broadcast has its bitrate, second by second, for some minutes, and every byte is counted once', () => {
  const broadcast = new Directory().claim('cam', 'recorder')
  const counted: number[] = []
  const pulse = new Pulse(() => [broadcast])
  pulse.onBeat((_, __, bytes) => counted.push(bytes))
  for (let second = 1; second <= MAX_BEATS + 10; second++) {
    broadcast.countIn(1000 * second)
    vi.advanceTimersByTime(1000)
  }
  const beats = pulse.of(broadcast)
  expect(beats).toHaveLength(MAX_BEATS)
  expect(beats.at(-1)).toMatchObject({ bitsPerSecond: 8000 * (MAX_BEATS + 10), behindMs: 0, viewers: 0 })
  broadcast.countIn(7)
  pulse.end(broadcast)
  expect(counted.reduce((sum, bytes) => sum + bytes, 0)).toBe(broadcast.bytesIn)
  pulse.close()
})
