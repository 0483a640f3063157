import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { kindOf, TAG_TYPE, type Tag } from '../flv/tag.ts'
import { EpochWriter } from './epoch-writer.ts'

/** AAC-LC, 44.1 kHz, mono: a frame lasts 23.2 ms. */
const HEADER = Buffer.from([0xaf, 0, 0x12, 0x08])
const FRAME_MS = 1024 / 44.1

const audio = (timestamp: number): Tag => ({ type: TAG_TYPE.audio, timestamp, body: Buffer.from([0xaf, 1, 7]) })
const header: Tag = { type: TAG_TYPE.audio, timestamp: 0, body: HEADER }
const picture = (timestamp: number): Tag => ({
  type: TAG_TYPE.video,
  timestamp,
  body: Buffer.from([0x27, 1, 0, 0, 0, 1]),
})

function epoch(silent = false) {
  const out: Tag[] = []
  const told: boolean[] = []
  const writer = new EpochWriter(
    (tag) => out.push(tag),
    silent,
    (isFilling) => told.push(isFilling),
  )
  const sound = () => out.filter((tag) => kindOf(tag) === 'audio')
  const real = () =>
    sound()
      .filter(({ body }) => body[2] === 7)
      .map(({ timestamp }) => timestamp)
  return { out, told, writer, sound, real }
}

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

/** Sound and picture from `from` to `to`, as a recorder gives them: in the time that they last. */
function write(writer: EpochWriter, from: number, to: number, { sound = true } = {}): void {
  const frames: Tag[] = []
  for (let at = from; at < to; at += 40) frames.push(picture(at))
  if (sound) for (let at = from; at < to; at += FRAME_MS) frames.push(audio(Math.round(at)))
  let now = from
  for (const tag of frames.sort((a, b) => a.timestamp - b.timestamp)) {
    vi.advanceTimersByTime(tag.timestamp - now)
    now = tag.timestamp
    writer.write(tag)
  }
}

/** Longest time without sound. */
function longestGap(sound: Tag[]): number {
  const times = sound.map(({ timestamp }) => timestamp)
  return Math.max(...times.slice(1).map((time, index) => time - (times[index] ?? 0)))
}

describe('sound that stops', () => {
  it('is filled with silence of its own shape, and goes on where it returns', () => {
    const { writer, out, told, sound, real } = epoch()
    writer.write(header)
    write(writer, 0, 2000)
    write(writer, 2000, 6000, { sound: false })
    expect(told).toEqual([true])
    expect(sound().at(-1)?.timestamp).toBeGreaterThan(5900)
    write(writer, 6000, 8000)
    expect(told).toEqual([true, false])
    expect(longestGap(sound())).toBeLessThanOrEqual(2 * FRAME_MS + 1)
    const times = sound().map(({ timestamp }) => timestamp)
    expect(times).toEqual([...new Set(times)].sort((a, b) => a - b))
    expect(real().filter((time) => time > 6050).length).toBeGreaterThan(80)
    // Nothing changes its shape.
    expect(out.filter((tag) => kindOf(tag) === 'audio-header')).toEqual([header])
  })

  it('is not filled while it is less than half a second late', () => {
    const { writer, told, sound } = epoch()
    writer.write(header)
    write(writer, 0, 1000)
    write(writer, 1000, 1450, { sound: false })
    expect([told, sound().every(({ body }) => body[2] === 7)]).toEqual([[], true])
  })

  it('is waited for where all pictures of two seconds come before all of their sound, as in an MP4', () => {
    const { writer, told, real } = epoch()
    writer.write(header)
    let sent = 0
    for (let from = 0; from < 10_000; from += 2000) {
      vi.advanceTimersByTime(2000)
      for (let at = from; at < from + 2000; at += 40) writer.write(picture(at))
      for (let at = from; at < from + 2000; at += 20, sent += 1) writer.write(audio(at))
    }
    expect([told, real().length]).toEqual([[], sent])
  })

  it('is not waited for where ten seconds of pictures come at once without any', () => {
    const { writer, told } = epoch()
    writer.write(header)
    for (let at = 0; at < 11_000; at += 40) writer.write(picture(at))
    expect(told).toEqual([true])
  })

  it('that always comes two seconds later than its picture is heard, after one gap', () => {
    const { writer, real, told } = epoch()
    writer.write(header)
    const heard: Tag[] = []
    for (let at = 0; at < 20_000; at += 40) {
      vi.advanceTimersByTime(40)
      writer.write(picture(at))
      const late = at - 2000
      if (late >= 0) for (const time of [late, late + 20]) heard.push(audio(time))
      for (const tag of heard.splice(0)) writer.write(tag)
    }
    // From where the first silence ended on, all of it.
    expect(real().filter((time) => time > 4000)).toHaveLength((17_980 - 4000) / 20)
    expect(told).toEqual([true, false])
  })

  it('is filled before it first came, and has its own header when it comes', () => {
    const { writer, out, sound } = epoch()
    write(writer, 0, 3000, { sound: false })
    expect(kindOf(out.find((tag) => tag.type === TAG_TYPE.audio) as Tag)).toBe('audio-header')
    writer.write(header)
    write(writer, 3000, 4000)
    const headers = out.filter((tag) => kindOf(tag) === 'audio-header')
    expect(headers).toHaveLength(2)
    expect(headers[1]?.body).toBe(HEADER)
    expect(longestGap(sound())).toBeLessThan(60)
  })

  it('is heard again after time jumped back', () => {
    const { writer, real } = epoch()
    writer.write(header)
    write(writer, 60_000, 61_000)
    write(writer, 61_000, 63_000, { sound: false })
    write(writer, 0, 1000)
    expect(real().filter((time) => time < 1000).length).toBeGreaterThan(40)
  })
})

it('a picture without any sound has silence from its first moment on', () => {
  const { writer, sound, told } = epoch(true)
  write(writer, 500, 1500, { sound: false })
  expect(sound()[0]?.timestamp).toBe(500)
  expect(longestGap(sound())).toBeLessThan(45)
  expect(told).toEqual([])
})
