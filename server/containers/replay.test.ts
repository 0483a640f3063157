import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { RecorderContainer } from '../../shared/recorder-type.ts'
import { RecordingReader } from './reader.ts'
import { ReplayBuffer } from './replay.ts'

const recording = (name: string) => readFileSync(new URL(`../../e2e/media/${name}`, import.meta.url))
const CLUSTER = Buffer.from([0x1f, 0x43, 0xb6, 0x75])

/** Feeds a file in pieces, and says after each that everything went out that is `late` ms old. */
function fed(file: Buffer, size: number, container: RecorderContainer = 'matroska', onPiece = (_: ReplayBuffer) => {}) {
  const reader = new RecordingReader(container)
  let replay = new ReplayBuffer({ header: Buffer.alloc(0), prefix: Buffer.alloc(0), offset: 0 })
  for (let at = 0; at < file.length; at += size) {
    for (const part of reader.read(file.subarray(at, at + size))) {
      if (part.kind === 'begin') replay = new ReplayBuffer(part)
      if (part.kind === 'bytes') replay.push(part.bytes, part.points)
    }
    onPiece(replay)
  }
  return replay
}

/** Whether these bytes are a recording that can be read. */
function isRecording(bytes: Buffer | null, container: RecorderContainer = 'matroska'): boolean {
  const parts = [...new RecordingReader(container).read(bytes ?? Buffer.alloc(0))]
  return parts[0]?.kind === 'tracks' && parts[1]?.kind === 'begin'
}

describe('ReplayBuffer', () => {
  const file = recording('chrome-h264.webm')

  it.each([7, 1000, 80_000, 10_000_000])(
    'keeps the header and the last keyframe that went out, fed in pieces of %i bytes',
    (size) => {
      const replay = fed(file.subarray(0, 700_000), size)
      replay.published(3_500)
      const bytes = replay.bytes() ?? Buffer.alloc(0)
      expect(isRecording(bytes)).toBe(true)
      const header = file.subarray(0, file.indexOf(CLUSTER))
      expect(bytes.subarray(0, header.length).equals(header)).toBe(true)
      // The cluster at 2000 ms begins with a keyframe (recordings have one every 2 s).
      const begin = file.indexOf(CLUSTER, 349_000)
      const kept = bytes.subarray(header.length)
      expect(kept.equals(file.subarray(begin, begin + kept.length))).toBe(true)
      // No more than the beginning of a block is missing, which is not handed on before it is known.
      expect(700_000 - begin - kept.length).toBeLessThan(16)
    },
  )

  it('keeps no more than two groups of pictures while all goes out at once', () => {
    let [most, time] = [0, 0]
    fed(file, 50_000, 'matroska', (replay) => {
      replay.published(time)
      time += 290
      most = Math.max(most, replay.size)
    })
    expect(most).toBeLessThan(1_800_000)
  })

  it('goes on at any cluster where there is sound alone', () => {
    const sound = recording('chrome-audio-only.webm')
    const replay = fed(sound, 5_000)
    replay.published(4_000)
    expect(replay.bytes()?.length).toBeLessThan(sound.length * 0.65)
  })

  it('begins anew with all of a recording whose next keyframe has not come', () => {
    const begun = file.subarray(0, file.indexOf(CLUSTER) + 5_000)
    expect(fed(begun, 100).bytes()?.length).toBeGreaterThan(begun.length - 16)
  })

  it('gives up on what has no keyframe for too long', () => {
    const replay = fed(file.subarray(0, 100_000), 10_000)
    for (let i = 0; i < 200; i++) replay.push(Buffer.alloc(50_000, 0xec), [])
    expect(replay.bytes()).toBeNull()
    expect(replay.size).toBe(0)
  })

  it('gives what a plain list of bytes and points would give, and holds little more', () => {
    const header = Buffer.from('header')
    const step = fc.oneof(
      fc.record({ push: fc.uint8Array({ maxLength: 50 }), isPoint: fc.boolean() }),
      fc.record({ published: fc.nat(400) }),
    )
    const model = fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const replay = new ReplayBuffer({ header, prefix: Buffer.alloc(0), offset: 1000 })
      let all = Buffer.alloc(0)
      let points: { offset: number; time: number }[] = []
      for (const next of steps) {
        if ('push' in next) {
          const point = { offset: 1000 + all.length, time: all.length }
          const added = next.isPoint && next.push.length > 0 ? [point] : []
          all = Buffer.concat([all, next.push])
          points.push(...added)
          replay.push(next.push, added)
        } else {
          const passed = points.findLastIndex(({ time }) => time <= next.published)
          points = points.slice(Math.max(0, passed))
          replay.published(next.published)
        }
        const kept = all.subarray((points[0]?.offset ?? 1000) - 1000)
        expect(replay.bytes()?.equals(Buffer.concat([header, kept]))).toBe(true)
        // Dead bytes are at most as many as live ones; where nothing went out yet, they are what came before the first point.
        if ('published' in next) expect(replay.size).toBeLessThanOrEqual(2 * kept.length + 50)
      }
    })
    fc.assert(model, { numRuns: 1000 })
  })
})

describe('ReplayBuffer of an MP4', () => {
  const file = recording('chrome-h264.mp4')
  const places = [...file.toString('latin1').matchAll(/moof/g)].map(({ index }) => index - 4)

  it.each([7, 1000, 80_000, 10_000_000])(
    'keeps the header and the last fragment with a keyframe that went out, fed in pieces of %i bytes',
    (size) => {
      const [first = 0, second = 0, third = 0] = places
      const replay = fed(file.subarray(0, third), size, 'mp4')
      expect(replay.bytes()?.length).toBe(third)
      replay.published(2_500)
      const bytes = replay.bytes() ?? Buffer.alloc(0)
      expect(isRecording(bytes, 'mp4')).toBe(true)
      expect(bytes.subarray(0, first).equals(file.subarray(0, first))).toBe(true)
      expect(bytes.subarray(first).equals(file.subarray(second, third))).toBe(true)
    },
  )
})
