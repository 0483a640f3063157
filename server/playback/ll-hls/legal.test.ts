import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { HlsChecker } from '../../../e2e/support/hls-checker.ts'
import { audioHeader, videoHeader } from '../../../e2e/support/tags.ts'
import type { Layout } from '../../broadcast/listener.ts'
import type { BusTag } from '../../flv/gop-cache.ts'
import { encodeTag, kindOf, TAG_TYPE, type Tag } from '../../flv/tag.ts'
import { Packager } from './packager.ts'
import { mediaPlaylist } from './playlist.ts'
import { SegmentWindow } from './window.ts'

const SOUND_MS = 1024 / 48

/** A piece of a stream: so many ms of pictures, so far apart, after a gap in everything. */
interface Piece {
  ms: number
  pictureMs: number
  /** Pictures from one keyframe to the next. */
  gop: number
  gapMs: number
  /** How much later than its time the sound comes; negative: the pictures do. */
  soundLateMs: number
  height: 720 | 540
}

const pieces = fc.array(
  fc.record<Piece>({
    ms: fc.integer({ min: 100, max: 12_000 }),
    pictureMs: fc.constantFrom(16, 33.367, 40, 41.7, 66.7, 80, 125, 200, 250, 500, 1000, 2500, 5000),
    gop: fc.constantFrom(1, 2, 5, 30, 60, 125, 250, 1000),
    gapMs: fc.constantFrom(0, 0, 0, 300, 700, 1500, 5000, 3_600_000),
    soundLateMs: fc.constantFrom(0, 0, -300, 500),
    height: fc.constantFrom<(720 | 540)[]>(720, 720, 720, 540),
  }),
  { minLength: 1, maxLength: 6 },
)

function picture(timestamp: number, isKeyframe: boolean): Tag {
  const nal = Buffer.from([0, 0, 0, 3, isKeyframe ? 0x65 : 0x41, 1, 2])
  return {
    type: TAG_TYPE.video,
    timestamp,
    body: Buffer.concat([Buffer.from([isKeyframe ? 0x17 : 0x27, 1, 0, 0, 0]), nal]),
  }
}

/** The tags of a stream, in the order in which they come; pictures and sound have times that go on. */
function tagsOf(stream: readonly Piece[]): Tag[] {
  const tags: { tag: Tag; comes: number }[] = []
  let from = 0
  let height: number | null = null
  for (const { ms, pictureMs, gop, gapMs, soundLateMs, height: wanted } of stream) {
    from += gapMs
    if (height !== wanted) tags.push({ tag: videoHeader(wanted, from), comes: from + Math.max(0, -soundLateMs) - 0.1 })
    if (height === null) tags.push({ tag: audioHeader(from), comes: from - 0.1 })
    height = wanted
    for (let index = 0; index * pictureMs < ms; index++) {
      const at = Math.round(from + index * pictureMs)
      tags.push({ tag: picture(at, index % gop === 0), comes: at + Math.max(0, -soundLateMs) })
    }
    for (let index = 0; index * SOUND_MS < ms; index++) {
      const at = Math.round(from + index * SOUND_MS)
      const tag = { type: TAG_TYPE.audio, timestamp: at, body: Buffer.from([0xaf, 1, 0x21]) }
      tags.push({ tag, comes: at + Math.max(0, soundLateMs) })
    }
    from += Math.ceil(ms / SOUND_MS) * SOUND_MS
  }
  return tags.sort((a, b) => a.comes - b.comes).map(({ tag }) => tag)
}

/** What a viewer sees who follows the stream to its end. */
async function follow(stream: readonly Piece[], layout: Layout = { video: true, audio: true }) {
  const checker = new HlsChecker()
  const window = new SegmentWindow(5)
  const seen = new Set<string>()
  const checks: Promise<void>[] = []
  let ended = false
  const changed = () => {
    const { shape } = packager
    if (shape === null) return
    const state = {
      segments: window.segments,
      discontinuities: window.discontinuities,
      shape,
      allIndependent: packager.allIndependent,
      nextPartFile: ended ? null : packager.nextPartFile,
    }
    const list = checker.playlist(mediaPlaylist(state, '', false), null)
    for (const segment of list.segments) {
      for (const part of segment.parts) {
        if (seen.has(part.uri)) continue
        seen.add(part.uri)
        const bytes = window.file(part.uri) ?? Buffer.alloc(0)
        checks.push(checker.media(segment, part, bytes, async (uri) => window.file(uri) ?? Buffer.alloc(0)))
      }
    }
  }
  const packager = new Packager({
    ...{ window, id: 'x', firstNumber: 7, asksForKeyframes: false },
    capturedFrom: () => null,
    onChange: changed,
  })
  const lastTimes = { audio: -1, video: -1 }
  for (const tag of tagsOf(stream).filter(({ type }) => layout.video || type !== TAG_TYPE.video)) {
    const track = tag.type === TAG_TYPE.video ? 'video' : 'audio'
    const timestamp = Math.max(tag.timestamp, lastTimes[track] + 1)
    lastTimes[track] = timestamp
    const busTag: BusTag = { kind: kindOf(tag), timestamp, bytes: encodeTag({ ...tag, timestamp }) }
    packager.push(busTag, layout)
  }
  ended = true
  packager.end()
  changed()
  await Promise.all(checks)
  return { checker, window, seen }
}

const piece = (some: Partial<Piece>): Piece => ({ ...usual, ...some })

const usual: Piece = { ms: 12_000, pictureMs: 33.367, gop: 60, gapMs: 0, soundLateMs: 0, height: 720 }

describe('low-latency HLS of an odd stream', () => {
  it.each<[string, Partial<Piece>[]]>([
    ['as usual', [{}]],
    ['with 24 pictures a second and a keyframe every 250', [{ pictureMs: 41.7, gop: 250, ms: 40_000 }]],
    ['with 12.5 pictures a second', [{ pictureMs: 80, gop: 25 }]],
    ['with 5 pictures a second', [{ pictureMs: 200, gop: 10 }]],
    ['with 1 picture a second', [{ pictureMs: 1000, gop: 2 }]],
    ['with a picture every 2.5 s', [{ pictureMs: 2500, gop: 1, ms: 20_000 }]],
    ['with a picture every 5 s', [{ pictureMs: 5000, gop: 1, ms: 20_000 }]],
    ['whose pictures become rare', [{}, { pictureMs: 2500, gop: 1 }, {}]],
    ['whose times jump by 1.5 s', [{}, { gapMs: 1500 }]],
    ['whose times jump by an hour', [{}, { gapMs: 3_600_000 }]],
    ['that changes its size', [{}, { height: 540 }, { height: 720 }]],
    ['whose sound comes late', [{ soundLateMs: 500 }]],
    ['whose sound comes early', [{ soundLateMs: -300 }]],
    ['with keyframes at any time', [{ gop: 111 }, { gop: 7 }, { gop: 300 }, {}]],
  ])('is legal: %s', async (_, stream) => {
    const { checker, seen } = await follow(stream.map((piece) => ({ ...usual, ...piece })))
    expect([...checker.faults]).toEqual([])
    expect(seen.size).toBeGreaterThan(5)
  })

  it('has a playlist 2 s after the first picture where pictures are rare, and a keyframe at the beginning of each segment', async () => {
    const { window } = await follow([{ ...usual, pictureMs: 5000, gop: 1, ms: 20_000 }])
    expect(window.segments.length).toBeGreaterThan(8)
    expect(window.segments.every(({ parts }) => parts.every(({ independent }) => independent))).toBe(true)
  })

  it('has legal playlists at every moment, whatever comes', async () => {
    await fc.assert(
      fc.asyncProperty(pieces, async (stream) => {
        const { checker } = await follow(stream)
        // Where a picture cannot be shown again it lasts longer than its part: its times are those of no part.
        const faults = [...checker.faults].filter(
          (fault) => !/begins -?[\d.]+ ms late|has pictures of|less than 85 %/.test(fault),
        )
        expect(faults).toEqual([])
      }),
      {
        numRuns: 300,
        examples: [
          [
            [
              piece({ ms: 113, pictureMs: 16, gop: 250, soundLateMs: -300 }),
              piece({ ms: 3371, pictureMs: 2500, gop: 125 }),
            ],
          ],
        ],
      },
    )
  })
})
