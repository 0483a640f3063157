import { beforeEach, describe, expect, it, vi } from 'vitest'
import { audioHeader, beginEpoch, frames } from '../../../e2e/support/tags.ts'
import type { Broadcast } from '../../broadcast/broadcast.ts'
import { Directory } from '../../broadcast/directory.ts'
import type { EpochWriter } from '../../broadcast/epoch-writer.ts'
import { TAG_TYPE } from '../../flv/tag.ts'
import { LlHlsOrigin, MAX_HELD } from './origin.ts'

const never = new AbortController().signal

let broadcast: Broadcast
let origin: LlHlsOrigin
let writer: EpochWriter

function start(height: 720 | 540 | null = 720): void {
  const directory = new Directory()
  directory.on('fault', (_, error) => {
    throw error
  })
  broadcast = directory.claim('name', 'recorder')
  writer = beginEpoch(broadcast, 0, 0, height)
  origin = new LlHlsOrigin(broadcast)
}

function write(tags: ReturnType<typeof frames>): void {
  for (const tag of tags) writer.write(tag)
}

const lines = (tag: string, skip = false) =>
  origin
    .playlist('', skip)
    .split('\n')
    .filter((line) => line.startsWith(tag))
const numberOf = (tag: string) => Number(lines(tag)[0]?.split(':')[1])
const segmentFiles = () =>
  origin
    .playlist('', false)
    .split('\n')
    .filter((line) => /^[\w-]+\.m4s$/.test(line))
const last = () => {
  const [file = ''] = lines('#EXT-X-PRELOAD-HINT').map((line) => /URI="(.*)"/.exec(line)?.[1] ?? '')
  const [, segment, part] = /-(\d+)\.(\d+)\.m4s$/.exec(file) ?? []
  return { file, segment: Number(segment), part: Number(part) }
}

beforeEach(() => start())

describe('the playlist', () => {
  it('begins with the first whole segment, and has parts and segments that fit together', () => {
    write(frames(0, 1900))
    expect(origin.targetSeconds).toBeNull()
    write(frames(2000, 7900))
    expect(numberOf('#EXT-X-TARGETDURATION')).toBe(2)
    const durations = lines('#EXTINF').map((line) => Number(/[\d.]+/.exec(line)?.[0]))
    expect(durations.length).toBeGreaterThanOrEqual(3)
    for (const seconds of durations) expect(seconds).toBeCloseTo(2, 1)
    const parts = lines('#EXT-X-PART:').map((line) => Number(/DURATION=([\d.]+)/.exec(line)?.[1]))
    expect(Math.max(...parts)).toBeLessThanOrEqual(0.3)
    const whole = segmentFiles().map((file) => origin.playlist('', false).indexOf(file))
    expect(whole).toEqual([...whole].sort((a, b) => a - b))
  })

  it('gives parts that are together the segment', async () => {
    write(frames(0, 4100))
    const [segment = ''] = segmentFiles()
    const parts = lines('#EXT-X-PART:').flatMap((line) => /URI="(.*?)"/.exec(line)?.[1] ?? [])
    const own = parts.filter((file) => file.startsWith(segment.replace('m4s', '')))
    const bytes = await Promise.all(own.map((file) => origin.file(file, never)))
    expect(Buffer.concat(bytes.map((part) => part ?? Buffer.alloc(0)))).toEqual(await origin.file(segment, never))
  })

  it('takes the target duration from keyframes that are far apart, and cuts where none comes at all', () => {
    write(frames(0, 9000, { gopMs: 4000 }))
    expect(numberOf('#EXT-X-TARGETDURATION')).toBe(4)
    expect(lines('#EXT-X-INDEPENDENT-SEGMENTS')).toHaveLength(1)
    start()
    write(frames(0, 45_000, { gopMs: 1_000_000 }))
    expect(numberOf('#EXT-X-TARGETDURATION')).toBe(10)
    expect(lines('#EXT-X-INDEPENDENT-SEGMENTS')).toEqual([])
    for (const line of lines('#EXTINF')) expect(Math.round(Number(/[\d.]+/.exec(line)?.[0]))).toBeLessThanOrEqual(10)
  })

  it('plays sound alone', () => {
    start(null)
    write(frames(0, 5000, { video: false }))
    expect(segmentFiles()).toHaveLength(2)
    expect(lines('#EXT-X-PART:').every((line) => line.endsWith('INDEPENDENT=YES'))).toBe(true)
  })

  it('goes on after a break, and with another picture, as a discontinuity', () => {
    write(frames(0, 4000))
    writer = beginEpoch(broadcast, 1, 9000, 720)
    write(frames(0, 4000))
    writer = beginEpoch(broadcast, 2, 13_100, 540)
    write(frames(0, 2500))
    expect(lines('#EXT-X-DISCONTINUITY').filter((line) => !line.includes('SEQUENCE'))).toHaveLength(2)
    const maps = lines('#EXT-X-MAP')
    expect(maps).toHaveLength(2)
    expect(new Set(maps).size).toBe(2)
    const dates = lines('#EXT-X-PROGRAM-DATE-TIME').map((line) => Date.parse(line.slice(line.indexOf(':') + 1)))
    expect(dates).toEqual([...dates].sort((a, b) => a - b))
  })

  it('forgets the oldest: half a minute is listed, and counts the discontinuities that left', () => {
    write(frames(0, 4000))
    const before = numberOf('#EXT-X-DISCONTINUITY-SEQUENCE')
    const number = numberOf('#EXT-X-MEDIA-SEQUENCE')
    writer = beginEpoch(broadcast, 1, 8000, 540)
    write(frames(0, 120_000))
    expect(segmentFiles().length).toBeGreaterThanOrEqual(15)
    expect(segmentFiles().length).toBeLessThanOrEqual(17)
    expect(numberOf('#EXT-X-MEDIA-SEQUENCE')).toBeGreaterThan(number + 25)
    expect(numberOf('#EXT-X-DISCONTINUITY-SEQUENCE')).toBe(before + 1)
    expect(lines('#EXT-X-MAP')).toHaveLength(1)
  })

  it('6.2.2: keeps what left it for as long as it was listed, and its own duration', async () => {
    vi.useFakeTimers({ toFake: ['performance'] })
    try {
      const beginning = frames(0, 2100)
      write(beginning)
      const [first = ''] = segmentFiles()
      const passing = async (tags: ReturnType<typeof frames>) => {
        for (const tag of tags) {
          vi.setSystemTime(tag.timestamp)
          vi.advanceTimersByTime(Math.max(0, tag.timestamp - performance.now()))
          writer.write(tag)
        }
      }
      await passing(frames(2133, 40_000))
      expect(segmentFiles()).not.toContain(first)
      expect(await origin.file(first, never)).not.toBeNull()
      await passing(frames(40_000, 90_000))
      expect(await origin.file(first, never)).toBeNull()
    } finally {
      vi.useRealTimers()
    }
  })

  it('keeps no more than its bytes, however large the pictures are', () => {
    write(frames(0, 60_000, { size: 200_000 }))
    const bytes = segmentFiles().length * 2 * 30 * 200_000
    expect(segmentFiles().length).toBeGreaterThanOrEqual(3)
    expect(bytes).toBeLessThan(80 * 1024 * 1024)
  })

  it('keeps no more than its bytes where a publisher gives every frame the same time', () => {
    for (const tag of frames(0, 2500)) writer.write(tag)
    const body = Buffer.alloc(4 * 1024 * 1024, 1)
    body.set([0x27, 1, 0, 0, 0])
    for (let frame = 0; frame < 60; frame++) writer.write({ type: TAG_TYPE.video, timestamp: 2500, body })
    write(frames(2600, 5000))
    const listed = lines('#EXT-X-PART:').flatMap((line) => /URI="(.*?)"/.exec(line)?.[1] ?? [])
    expect(listed.length).toBeGreaterThan(0)
    expect(segmentFiles().length).toBeLessThan(6)
  })

  it('keeps its picture track where the camera is turned off, and goes on with it when it is back', () => {
    write(frames(0, 4100))
    writer = broadcast.beginEpoch({ epoch: 1, at: 4200, video: null, audio: { codec: 'aac', action: 'copy' } })
    writer.write(audioHeader())
    write(frames(0, 4000, { video: false }))
    writer = beginEpoch(broadcast, 2, 8300, 720)
    write(frames(0, 2500))
    // The card has a header of its own.
    expect(lines('#EXT-X-MAP')).toHaveLength(3)
    expect(lines('#EXT-X-DISCONTINUITY').filter((line) => !line.includes('SEQUENCE'))).toHaveLength(2)
    expect(lines('#EXTINF').length).toBeGreaterThanOrEqual(5)
    expect(lines('#EXT-X-INDEPENDENT-SEGMENTS')).toHaveLength(1)
  })

  it('has a bounded number of segments, however often the picture changes', () => {
    for (let epoch = 1; epoch < 200; epoch++) {
      writer = beginEpoch(broadcast, epoch, epoch * 150, epoch % 2 ? 720 : 540)
      write(frames(0, 100))
    }
    write(frames(0, 4500))
    expect(segmentFiles().length).toBeLessThanOrEqual(121)
  })

  it('goes on with higher numbers in the next broadcast of the name, however short its segments were', async () => {
    for (let epoch = 1; epoch < 40; epoch++) {
      writer = beginEpoch(broadcast, epoch, epoch * 150, epoch % 2 ? 720 : 540)
      write(frames(0, 100))
    }
    await broadcast.end()
    const before = origin
    const last = numberOf('#EXT-X-MEDIA-SEQUENCE') + segmentFiles().length - 1
    const discontinuities = lines('#EXT-X-DISCONTINUITY').length - 1 + numberOf('#EXT-X-DISCONTINUITY-SEQUENCE')
    broadcast = new Directory().claim('name', 'recorder')
    writer = beginEpoch(broadcast, 0, 0, 720)
    origin = new LlHlsOrigin(broadcast, before)
    write(frames(0, 4_100))
    expect(numberOf('#EXT-X-MEDIA-SEQUENCE')).toBe(last + 1)
    expect(numberOf('#EXT-X-DISCONTINUITY-SEQUENCE')).toBeGreaterThan(discontinuities)
  })

  it('leaves out what a client has, where it asks for a delta update', () => {
    write(frames(0, 40_000))
    const whole = origin.playlist('', false)
    const delta = origin.playlist('', true)
    const skipped = Number(/SKIPPED-SEGMENTS=(\d+)/.exec(delta)?.[1])
    expect(skipped).toBeGreaterThan(7)
    expect(lines('#EXTINF').length - lines('#EXTINF', true).length).toBe(skipped)
    expect(whole.endsWith(delta.slice(delta.indexOf('#EXT-X-PROGRAM')))).toBe(true)
    expect(lines('#EXT-X-MAP', true)).toEqual([])
  })

  it('ends, also before its first segment is whole', async () => {
    write(frames(0, 800))
    await broadcast.end()
    expect(origin.targetSeconds).toBe(1)
    // Players have to see the last part before they see the end.
    expect(origin.playlist('', false)).toMatch(/#EXT-X-PRELOAD-HINT:.*\n$/)
    expect(segmentFiles()).toHaveLength(1)
    const next = { segment: last().segment, part: last().part }
    expect(await origin.reached(next, never)).toBe('there')
    expect(origin.playlist('', false).endsWith('#EXT-X-ENDLIST\n')).toBe(true)
    expect(segmentFiles()).toHaveLength(1)
  })
})

describe('a request that is held', () => {
  it('is answered as soon as its part is there, and not before', async () => {
    write(frames(0, 4100))
    const { segment, part } = last()
    let answered = false
    const held = origin.reached({ segment, part }, never).then((end) => {
      answered = true
      return end
    })
    await Promise.resolve()
    expect(answered).toBe(false)
    write(frames(4134, 4700))
    expect(await held).toBe('there')
  })

  it('is answered at once for what is there, and refused at once for what is far away', async () => {
    write(frames(0, 4700))
    const { segment } = last()
    expect(await origin.reached({ segment: segment - 1, part: null }, never)).toBe('there')
    // A part behind the last of a segment is the first of the next one.
    expect(await origin.reached({ segment: segment - 1, part: 999 }, never)).toBe('there')
    expect(await origin.reached({ segment: segment + 3, part: null }, never)).toBe('too-far')
    expect(await origin.reached({ segment, part: 999 }, never)).toBe('too-far')
    expect(await origin.reached({ segment: segment + 1, part: 10 }, never)).toBe('too-far')
  })

  it('is answered when the broadcast ends, and when nobody waits any more', async () => {
    write(frames(0, 4100))
    const { segment, part, file } = last()
    const gone = new AbortController()
    const given = origin.reached({ segment, part: part + 5 }, gone.signal)
    gone.abort()
    expect(await given).toBe('timeout')
    const [held, bytes] = [origin.reached({ segment: segment + 1, part: 0 }, never), origin.file(file, never)]
    await broadcast.end()
    expect(await held).toBe('there')
    expect(await bytes).toBeInstanceOf(Buffer)
  })

  it('gets the part that was announced, once it is there', async () => {
    write(frames(0, 4100))
    const { file } = last()
    const bytes = origin.file(file, never)
    write(frames(4134, 4700))
    expect((await bytes)?.toString('latin1', 4, 8)).toBe('moof')
    expect(await origin.file('nothing.m4s', never)).toBeNull()
  })

  it('is one of a bounded number', async () => {
    write(frames(0, 4100))
    const position = { segment: last().segment + 1, part: 0 }
    const waiting = Array.from({ length: MAX_HELD }, () => {
      const gone = new AbortController()
      return { gone, end: origin.reached(position, gone.signal) }
    })
    expect(await origin.reached(position, never)).toBe('too-many')
    for (const { gone } of waiting) gone.abort()
    expect(new Set(await Promise.all(waiting.map(({ end }) => end)))).toEqual(new Set(['timeout']))
  })
})
