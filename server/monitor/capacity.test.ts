import { describe, expect, it } from 'vitest'
import type { RunningFfmpeg } from '../ffmpeg/ffmpegs.ts'
import { Capacity } from './capacity.ts'
import { CORES } from './usage.ts'

const ffmpeg = (pid: number, use: RunningFfmpeg['purpose']['use']): RunningFfmpeg => ({
  pid,
  purpose: { use, stream: 'cam', name: null },
})
const capacity = (running: RunningFfmpeg[], cpuOfEach: number | null, maxBroadcasts: number | null = null) =>
  new Capacity(
    { maxBroadcasts, maxCpuPercent: 80 },
    () => running,
    () => (cpuOfEach === null ? null : { cpu: cpuOfEach, rssBytes: 0 }),
  )

describe('a gateway takes on', () => {
  it('as many broadcasts as it is told to, and says so to the next one', () => {
    expect(() => capacity([], 0, 2).admitBroadcast(1)).not.toThrow()
    expect(() => capacity([], 0, 2).admitBroadcast(2)).toThrow('This server takes 2 broadcasts at a time.')
    expect(() => capacity([], 0).admitBroadcast(9_999)).not.toThrow()
  })

  it('another transcoder while the others leave room', () => {
    const two = [ffmpeg(1, 'transcode'), ffmpeg(2, 'transcode')]
    expect(() => capacity(two, CORES * 0.35).admitTranscode()).not.toThrow()
    expect(() => capacity(two, CORES * 0.45).admitTranscode()).toThrow('no room to convert')
  })

  it('the first transcoder in any case, whatever else runs', () => {
    expect(() => capacity([], 0).admitTranscode()).not.toThrow()
    expect(() => capacity([ffmpeg(1, 'copy'), ffmpeg(2, 'push')], CORES).admitTranscode()).not.toThrow()
  })

  it('no crowd of transcoders that are too young to tell what they need', () => {
    const crowd = Array.from({ length: 2 * CORES }, (_, index) => ffmpeg(index, 'transcode'))
    expect(() => capacity(crowd, null).admitTranscode()).toThrow('no room to convert')
  })
})
