import { describe, expect, it } from 'vitest'
import { Capacity, type ProcessLoad } from './capacity.ts'
import { CORES } from './usage.ts'

/** A gateway that may use 80 % of the processors, and runs these processes. */
const capacity = (load: ProcessLoad[], maxBroadcasts: number | null = null) =>
  new Capacity({ maxBroadcasts, maxCpuPercent: 80 }, () => load)
const transcoder = (cpu: number | null) => ({ transcodes: true, cpu })
const other = (cpu: number | null) => ({ transcodes: false, cpu })

describe('a gateway takes on', () => {
  it('as many broadcasts as it is told to, and says so to the next one', () => {
    expect(() => capacity([], 2).admitBroadcast(1)).not.toThrow()
    expect(() => capacity([], 2).admitBroadcast(2)).toThrow('This server takes 2 broadcasts at a time.')
    expect(() => capacity([]).admitBroadcast(9_999)).not.toThrow()
  })

  it('another transcoder while the others leave room', () => {
    expect(() => capacity([transcoder(CORES * 0.75)]).admitTranscode()).not.toThrow()
    expect(() => capacity([transcoder(CORES * 0.85)]).admitTranscode()).toThrow('no room to convert')
  })

  it('no other transcoder while viewers and copies need the processors', () => {
    expect(() => capacity([transcoder(0.1), other(CORES)]).admitTranscode()).toThrow('no room to convert')
  })

  it('the first transcoder in any case, whatever else runs', () => {
    expect(() => capacity([]).admitTranscode()).not.toThrow()
    expect(() => capacity([other(CORES), other(null)]).admitTranscode()).not.toThrow()
  })

  it('no crowd of transcoders that are too young to tell what they need', () => {
    const crowd = Array.from({ length: 3 * CORES }, () => transcoder(null))
    expect(() => capacity(crowd).admitTranscode()).toThrow('no room to convert')
  })
})
