import { describe, expect, it } from 'vitest'
import { readAacConfig } from '../flv/aac.ts'
import type { BusTag } from '../flv/gop-cache.ts'
import { encodeTag, TAG_TYPE } from '../flv/tag.ts'
import { Fragmenter } from './fragmenter.ts'

const AAC_LC_48K_STEREO = Buffer.from([0xaf, 0, 0x11, 0x90])

function config(...record: number[]) {
  return readAacConfig({ body: Buffer.from([0xaf, 0, ...record]) })
}

describe('an AAC configuration', () => {
  it.each([
    [[0x11, 0x90], { objectType: 2, sampleRate: 48000, channels: 2 }],
    [[0x12, 0x08], { objectType: 2, sampleRate: 44100, channels: 1 }],
    // HE-AAC, said out loud: the rate is that of the core.
    [[0x2b, 0x11, 0x88, 0x00], { objectType: 5, sampleRate: 24000, channels: 2 }],
    // A rate of its own, 12345 Hz, in 24 bits.
    [[0x17, 0x80, 0x18, 0x1c, 0x90], { objectType: 2, sampleRate: 12345, channels: 2 }],
  ])('%j is read', (record, expected) => {
    expect(config(...record)).toMatchObject(expected)
  })

  it.each([[[]], [[0x11]], [[0x00, 0x00]], [[0x17, 0x80]], [[0x16, 0xf0]]])('%j is none', (record) => {
    expect(config(...record)).toBeNull()
  })
})

function picture(timestamp: number, keyframe: boolean, offset = 0): BusTag {
  const body = Buffer.from([keyframe ? 0x17 : 0x27, 1, 0, 0, 0, 0xaa])
  body.writeIntBE(offset, 2, 3)
  return {
    kind: keyframe ? 'keyframe' : 'interframe',
    timestamp,
    bytes: encodeTag({ type: TAG_TYPE.video, timestamp, body }),
  }
}

function sound(timestamp: number): BusTag {
  const body = Buffer.from([0xaf, 1, 0xbb])
  return { kind: 'audio', timestamp, bytes: encodeTag({ type: TAG_TYPE.audio, timestamp, body }) }
}

/** What `trun` boxes say, by track: when they begin, and the durations and offsets of their samples. */
function runsOf(fragment: Buffer) {
  const runs: { track: number; from: number; durations: number[]; offsets: number[] }[] = []
  for (let at = fragment.indexOf('traf'); at >= 0; at = fragment.indexOf('traf', at + 4)) {
    const track = fragment.readUInt32BE(fragment.indexOf('tfhd', at) + 8)
    const from = Number(fragment.readBigUInt64BE(fragment.indexOf('tfdt', at) + 8))
    const run = fragment.indexOf('trun', at)
    const count = fragment.readUInt32BE(run + 8)
    const samples = Array.from({ length: count }, (_, index) => run + 16 + index * 16)
    runs.push({
      track,
      from,
      durations: samples.map((sample) => fragment.readUInt32BE(sample)),
      offsets: samples.map((sample) => fragment.readInt32BE(sample + 12)),
    })
  }
  return runs
}

describe('Fragmenter', () => {
  const video = { record: Buffer.alloc(7), width: 2, height: 2, pixelAspect: null, transfer: null }
  const audio = readAacConfig({ body: AAC_LC_48K_STEREO })

  it('shows each picture until the next one, and keeps the order of pictures that are shown in another one', () => {
    const fragmenter = new Fragmenter({ video, audio: null })
    for (const [at, offset] of [
      [0, 66],
      [33, 100],
      [66, -33],
    ] as const) {
      fragmenter.settle(at)
      fragmenter.add(picture(at, at === 0, offset))
    }
    fragmenter.settle(100)
    expect(fragmenter.isIndependent).toBe(true)
    expect(runsOf(fragmenter.cut(1) ?? Buffer.alloc(0))).toEqual([
      { track: 1, from: 0, durations: [2970, 2970, 3060], offsets: [5940, 9000, -2970] },
    ])
    expect(fragmenter.cut(2)).toBeNull()
  })

  it('counts sound by its samples, whatever the rounding of its times, from one fragment to the next', () => {
    const fragmenter = new Fragmenter({ video: null, audio })
    const frames = Array.from({ length: 100 }, (_, index) => sound(Math.round((index * 1024) / 48)))
    for (const frame of frames.slice(0, 50)) fragmenter.add(frame)
    const [first] = runsOf(fragmenter.cut(1) ?? Buffer.alloc(0))
    for (const frame of frames.slice(50)) fragmenter.add(frame)
    const [second] = runsOf(fragmenter.cut(2) ?? Buffer.alloc(0))
    expect(first).toMatchObject({ track: 2, from: 0, durations: Array(50).fill(1024) })
    expect(second?.from).toBe(50 * 1024)
  })

  it('goes on at the right time after sound that is missing', () => {
    const fragmenter = new Fragmenter({ video: null, audio })
    for (const at of [0, 21, 43, 543, 564]) fragmenter.add(sound(at))
    const [run] = runsOf(fragmenter.cut(1) ?? Buffer.alloc(0))
    expect(run?.durations.reduce((sum, duration) => sum + duration, 0)).toBe(543 * 48 + 2 * 1024)
  })

  it('lets picture and sound end together: browsers have no more than what both have', () => {
    const endsOf = (bytes: Buffer | null) =>
      runsOf(bytes ?? Buffer.alloc(0)).map(({ track, from, durations }) => {
        const ticks = from + durations.reduce((sum, duration) => sum + duration, 0)
        return track === 1 ? ticks / 90 : ticks / 48
      })
    const fragmenter = new Fragmenter({ video, audio })
    fragmenter.add(sound(0))
    fragmenter.add(sound(21))
    fragmenter.add(picture(40, true, 0))
    fragmenter.finish(0, 73)
    expect(endsOf(fragmenter.cut(1))).toEqual([73, 73])
    // The last part has no sound of its own.
    fragmenter.add(picture(73, false, 0))
    fragmenter.finish(73, 106)
    expect(endsOf(fragmenter.cut(2))).toEqual([106, 106])
  })

  it('does not run ahead where there is more sound than time', () => {
    const fragmenter = new Fragmenter({ video: null, audio })
    for (let index = 0; index < 1000; index++) fragmenter.add(sound(index * 20))
    const [run] = runsOf(fragmenter.cut(1) ?? Buffer.alloc(0))
    const seconds = (run?.durations.reduce((sum, duration) => sum + duration, 0) ?? 0) / 48_000
    expect(seconds).toBeGreaterThan(19.9)
    expect(seconds).toBeLessThan(20.1)
  })
})
