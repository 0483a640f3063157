import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { beginEpoch, frames, videoHeader } from '../../e2e/support/tags.ts'
import { type BusTag, bodyOf } from '../flv/gop-cache.ts'
import { isPictureKind, TAG_TYPE, type Tag } from '../flv/tag.ts'
import type { Broadcast } from './broadcast.ts'
import { Directory } from './directory.ts'
import type { EpochWriter } from './epoch-writer.ts'

let broadcast: Broadcast
let bus: BusTag[]

beforeEach(() => {
  vi.useFakeTimers()
  broadcast = new Directory().claim('name', 'rtmp')
  bus = []
  broadcast.listen({ push: (tag) => bus.push(tag), end: () => {} })
})
afterEach(async () => {
  await broadcast.end()
  vi.useRealTimers()
})

/** Writes tags when their times say, `after` the writer began. */
function write(writer: EpochWriter, tags: Tag[], after = 0): void {
  for (const tag of tags) {
    vi.advanceTimersByTime(Math.max(0, after + tag.timestamp - performance.now()))
    writer.write(tag)
  }
}

const pictures = () => bus.filter(({ kind }) => isPictureKind(kind))

function picture(timestamp: number, isKeyframe: boolean, mark: number): Tag {
  return { type: TAG_TYPE.video, timestamp, body: Buffer.from([isKeyframe ? 0x17 : 0x27, 1, 0, 0, 0, mark]) }
}

describe('a picture that stands still', () => {
  it('is sent again every two seconds of sound, from its keyframe on', () => {
    const writer = beginEpoch(broadcast, 0, 0, 720)
    for (const [mark, at] of [0, 40, 80].entries()) writer.write(picture(at, mark === 0, mark))
    write(writer, frames(0, 6_500, { video: false }))
    const seen = pictures().map((tag) => [bodyOf(tag)[5], Math.round(tag.timestamp / 100)])
    const again = (tenths: number) => [0, 1, 2].map((mark) => [mark, tenths])
    expect(seen).toEqual([[0, 0], [1, 0], [2, 1], ...again(21), ...again(41), ...again(61)])
    const times = pictures().map(({ timestamp }) => timestamp)
    expect(times.every((time, index) => index === 0 || time > (times[index - 1] ?? 0))).toBe(true)
  })

  it('is not sent where the source was away: it may have another one now', () => {
    const writer = beginEpoch(broadcast, 0, 0, 720)
    writer.write(picture(0, true, 0))
    write(writer, frames(0, 1_000, { video: false }))
    write(writer, frames(6_000, 15_900, { video: false }))
    expect(pictures()).toHaveLength(1)
    write(writer, frames(15_900, 19_000, { video: false }))
    expect(pictures()).toHaveLength(3)
  })

  it('is not sent where what had to wait comes at once: pictures are behind the sound', () => {
    const writer = beginEpoch(broadcast, 0, 0, 720)
    write(writer, frames(0, 1_000))
    vi.advanceTimersByTime(9_000)
    for (const tag of frames(1_000, 9_000, { video: false })) writer.write(tag)
    expect(pictures()).toHaveLength(30)
    write(writer, frames(9_000, 12_000))
    expect(pictures()).toHaveLength(120)
  })

  it('is no longer sent where others come', () => {
    const writer = beginEpoch(broadcast, 0, 0, 720)
    write(writer, frames(0, 10_000))
    expect(pictures()).toHaveLength(300)
  })
})

describe('a camera that is turned off', () => {
  it('is a card until it is on again, in each place where the picture was', () => {
    const camera = beginEpoch(broadcast, 0, 0, 720)
    write(camera, frames(0, 1_000))
    const before = bus.length
    const off = broadcast.beginEpoch({ epoch: 1, at: 1_000, video: null, audio: { codec: 'aac', action: 'copy' } })
    write(off, frames(0, 3_000, { video: false }), 1_000)
    expect(bus.slice(before, before + 3).map(({ kind }) => kind)).toEqual(['video-header', 'keyframe', 'audio'])
    expect(pictures().slice(30)).toHaveLength(2)
    expect(broadcast.carried).toEqual({ video: true, audio: true })
    expect(broadcast.epoch?.video).toBeNull()
    const on = beginEpoch(broadcast, 2, 4_000, 720)
    on.write(picture(0, true, 1))
    const [header, keyframe] = bus.filter(({ kind }) => kind === 'video-header' || kind === 'keyframe').slice(-2)
    expect(header && bodyOf(header)).toEqual(videoHeader(720).body)
    expect(keyframe?.kind).toBe('keyframe')
  })

  it('gives sound alone where there never was a picture', () => {
    const radio = beginEpoch(broadcast, 0, 0, null)
    write(radio, frames(0, 3_000, { video: false }))
    expect(pictures()).toEqual([])
  })
})

describe('pictures that are rare, without sound', () => {
  const silent = () =>
    broadcast.beginEpoch({
      epoch: 0,
      at: 0,
      video: { codec: 'h264', width: 0, height: 0, action: 'copy' },
      audio: { codec: 'aac', action: 'silence' },
    })
  const soundUntil = () => bus.filter(({ kind }) => kind === 'audio').at(-1)?.timestamp ?? 0

  it('have silence that goes by the clock, and are sent again', async () => {
    const writer = silent()
    writer.write(videoHeader(720))
    writer.write(picture(0, true, 1))
    await vi.advanceTimersByTimeAsync(5_000)
    expect(soundUntil()).toBeGreaterThan(4_200)
    expect(soundUntil()).toBeLessThan(4_700)
    expect(pictures().map(({ timestamp }) => Math.round(timestamp / 1_000))).toEqual([0, 2, 4])
    writer.write(picture(5_000, true, 2))
    expect(Math.abs(soundUntil() - 5_000)).toBeLessThan(22)
    expect(bus.at(-1)).toMatchObject({ kind: 'keyframe', timestamp: 5_000 })
  })

  it('are not guessed at where pictures come as usual and the line is cut, or the publisher is gone', async () => {
    const writer = silent()
    writer.write(videoHeader(720))
    for (let at = 0; at < 1_000; at += 40) {
      writer.write(picture(at, at === 0, 1))
      await vi.advanceTimersByTimeAsync(40)
    }
    const until = soundUntil()
    await vi.advanceTimersByTimeAsync(10_000)
    expect(soundUntil()).toBe(until)
    broadcast.sourcePresent = false
    writer.write(picture(11_000, true, 1))
    const then = soundUntil()
    await vi.advanceTimersByTimeAsync(10_000)
    expect(soundUntil()).toBe(then)
  })
})
