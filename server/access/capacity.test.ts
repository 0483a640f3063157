import { describe, expect, it } from 'vitest'
import { Capacity, CORES, type ProcessLoad } from './capacity.ts'

/** A gateway that may use 80 % of the processors, and runs these processes. */
const capacity = (load: ProcessLoad[], maxBroadcasts: number | null = null, available = 8 * GB) =>
  new Capacity(
    { maxBroadcasts, maxCpuPercent: 80 },
    () => load,
    () => ({ total: 16 * GB, available }),
  )
const SIZE = { width: 1280, height: 720 }
const GB = 1024 ** 3
const transcoder = (cpu: number | null) => ({ picture: SIZE, cpu, rssBytes: null })
const other = (cpu: number | null) => ({ picture: null, cpu, rssBytes: null })

describe('a gateway takes on', () => {
  it('as many broadcasts as it is told to, and says so to the next one', () => {
    expect(() => capacity([], 2).admitBroadcast(1)).not.toThrow()
    expect(() => capacity([], 2).admitBroadcast(2)).toThrow('This server takes 2 broadcasts at a time.')
    expect(() => capacity([]).admitBroadcast(9_999)).not.toThrow()
  })

  it('another transcoder while the others leave room', () => {
    expect(() => capacity([transcoder(CORES * 0.75)]).admitTranscode(SIZE)).not.toThrow()
    expect(() => capacity([transcoder(CORES * 0.85)]).admitTranscode(SIZE)).toThrow('no room to convert')
  })

  it('no other transcoder while viewers and copies need the processors', () => {
    expect(() => capacity([transcoder(0.1), other(CORES)]).admitTranscode(SIZE)).toThrow('no room to convert')
  })

  it('the first transcoder in any case, whatever else runs', () => {
    expect(() => capacity([]).admitTranscode(SIZE)).not.toThrow()
    expect(() => capacity([other(CORES), other(null)]).admitTranscode(SIZE)).not.toThrow()
  })

  it('no crowd of transcoders that are too young to tell what they need', () => {
    const crowd = Array.from({ length: 3 * CORES }, () => transcoder(null))
    expect(() => capacity(crowd).admitTranscode(SIZE)).toThrow('no room to convert')
  })

  it('no transcoder, not even the first, where there is no memory for its pictures', () => {
    expect(() => capacity([], null, 2.2 * GB).admitTranscode(SIZE)).not.toThrow()
    expect(() => capacity([], null, 2.2 * GB).admitTranscode({ width: 3840, height: 2160 })).toThrow('no room')
    expect(() => capacity([], null, 2.1 * GB).admitTranscode(SIZE)).toThrow('no room')
  })

  it('no transcoder for which others will need the memory, which have not taken it yet', () => {
    const idle = { picture: { width: 3840, height: 2160 }, cpu: 0, rssBytes: 50e6 }
    expect(() => capacity([idle], null, 2.4 * GB).admitTranscode(SIZE)).toThrow('no room')
    expect(() => capacity([{ ...idle, rssBytes: 450e6 }], null, 2.4 * GB).admitTranscode(SIZE)).not.toThrow()
  })
})
