import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { readRecordingHeader } from './header.ts'
import { MatroskaScanner } from './matroska-scanner.ts'
import { Mp4Scanner } from './mp4-scanner.ts'
import { ReplayBuffer, type Scanner } from './replay.ts'

const recording = (name: string) => readFileSync(new URL(`../../e2e/media/${name}`, import.meta.url))
const CLUSTER = Buffer.from([0x1f, 0x43, 0xb6, 0x75])

/** Feeds all of a file in pieces. */
function fed(file: Buffer, size: number, scanner: Scanner = new MatroskaScanner()): ReplayBuffer {
  const replay = new ReplayBuffer(scanner)
  for (let at = 0; at < file.length; at += size) replay.push(file.subarray(at, at + size))
  return replay
}

describe('ReplayBuffer', () => {
  const file = recording('chrome-h264.webm')

  it.each([7, 1000, 80_000, 10_000_000])(
    'keeps the header and the last keyframe that went out, fed in pieces of %i bytes',
    (size) => {
      const replay = fed(file.subarray(0, 700_000), size)
      replay.published(3_500)
      const bytes = replay.bytes() ?? Buffer.alloc(0)
      expect(readRecordingHeader('matroska', bytes)).toMatchObject({ state: 'complete' })
      const header = file.subarray(0, file.indexOf(CLUSTER))
      expect(bytes.subarray(0, header.length).equals(header)).toBe(true)
      // The cluster at 2000 ms begins with a keyframe (recordings have one every 2 s).
      const begin = file.indexOf(CLUSTER, 349_000)
      expect(bytes.subarray(header.length).equals(file.subarray(begin, 700_000))).toBe(true)
    },
  )

  it('keeps no more than two groups of pictures while all goes out at once', () => {
    const replay = new ReplayBuffer(new MatroskaScanner())
    let most = 0
    for (let at = 0, time = 0; at < file.length; at += 50_000, time += 290) {
      replay.push(file.subarray(at, at + 50_000))
      replay.published(time)
      most = Math.max(most, replay.bytes()?.length ?? 0)
    }
    expect(most).toBeLessThan(900_000)
  })

  it('goes on at any cluster where there is sound alone', () => {
    const sound = recording('chrome-audio-only.webm')
    const replay = fed(sound, 5_000)
    replay.published(4_000)
    expect(replay.bytes()?.length).toBeLessThan(sound.length * 0.65)
  })

  it('begins anew with all of a recording whose first keyframe has not come', () => {
    const header = file.subarray(0, file.indexOf(CLUSTER))
    expect(fed(header, 100).bytes()).toEqual(header)
  })

  it('is not led astray by a block that is too short to be one', () => {
    const header = file.subarray(0, file.indexOf(CLUSTER))
    const cluster = Buffer.from([
      0x1f, 0x43, 0xb6, 0x75, 0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xe7, 0x81, 0, 0xa3, 0x82, 0x81, 0,
    ])
    // There is no place to go on at: all of it would be given again.
    expect(fed(Buffer.concat([header, cluster]), 1000).bytes()).toEqual(Buffer.concat([header, cluster]))
  })

  it('gives up on what is no Matroska, or has no keyframe for too long', () => {
    expect(fed(recording('chrome-h264.mp4'), 10_000).bytes()).toBeNull()
    const replay = fed(file.subarray(0, 100_000), 10_000)
    for (let i = 0; i < 200; i++) replay.push(Buffer.alloc(50_000, 0xec))
    expect(replay.bytes()).toBeNull()
  })
})

describe('ReplayBuffer of an MP4', () => {
  const file = recording('chrome-h264.mp4')
  const places = [...file.toString('latin1').matchAll(/moof/g)].map(({ index }) => index - 4)

  it.each([7, 1000, 80_000, 10_000_000])(
    'keeps the header and the last fragment with a keyframe that went out, fed in pieces of %i bytes',
    (size) => {
      const [first = 0, second = 0, third = 0] = places
      const end = third + 1000
      const replay = fed(file.subarray(0, end), size, new Mp4Scanner())
      expect(replay.bytes()?.length).toBe(end)
      replay.published(2_500)
      const bytes = replay.bytes() ?? Buffer.alloc(0)
      expect(readRecordingHeader('mp4', bytes)).toMatchObject({ state: 'complete' })
      expect(bytes.subarray(0, first).equals(file.subarray(0, first))).toBe(true)
      expect(bytes.subarray(first).equals(file.subarray(second, end))).toBe(true)
    },
  )

  it('keeps all of what it cannot read, until that is too much', () => {
    const webm = recording('chrome-h264.webm')
    const replay = fed(webm, 10_000, new Mp4Scanner())
    expect(replay.bytes()?.equals(webm)).toBe(true)
    for (let i = 0; i < 200; i++) replay.push(Buffer.alloc(50_000, 0xec))
    expect(replay.bytes()).toBeNull()
  })
})
