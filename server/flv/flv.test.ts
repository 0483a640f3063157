import { spawnSync } from 'node:child_process'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isWholeHeader, ParameterSetWatch, pictureFormat } from './avc.ts'
import { FlvReader } from './reader.ts'
import { Silence } from './silence.ts'
import { AAC, AVC, codecIdOf, encodeFileHeader, encodeTag, kindOf, TAG_TYPE, type Tag } from './tag.ts'
import { Timeline } from './timeline.ts'

/** Parameter sets of Chromium at 1280×720 and 960×540 (from e2e/media/chrome-h264-resize.webm). */
const SPS_720 = Buffer.from('6742c0208c8d402802dd37010d0107844235', 'hex')
const PPS = Buffer.from('68ce3c80', 'hex')
const SPS_540 = Buffer.from('6742c0208c8d407808bf737010d01078442350', 'hex')

function sized(nal: Buffer): Buffer {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(nal.length)
  return Buffer.concat([length, nal])
}

function keyframe(timestamp: number, ...nals: Buffer[]): Tag {
  const picture = Buffer.from([0x65, 1, 2, 3])
  return {
    type: TAG_TYPE.video,
    timestamp,
    body: Buffer.concat([Buffer.from([0x17, 1, 0, 0, 0]), ...[...nals, picture].map(sized)]),
  }
}

function header(sps: Buffer): Tag {
  const record = Buffer.concat([
    Buffer.from([1, ...sps.subarray(1, 4), 0xff, 0xe1, 0, sps.length]),
    sps,
    Buffer.from([1, 0, PPS.length]),
    PPS,
  ])
  return { type: TAG_TYPE.video, timestamp: 0, body: Buffer.concat([Buffer.from([0x17, 0, 0, 0, 0]), record]) }
}

const audio = (timestamp: number): Tag => ({ type: TAG_TYPE.audio, timestamp, body: Buffer.from([0xaf, 1, 0]) })
const video = (timestamp: number): Tag => ({ type: TAG_TYPE.video, timestamp, body: Buffer.from([0x27, 1, 0, 0, 0]) })

const FFMPEG = process.env.CASTGATE_FFMPEG ?? 'ffmpeg'

describe('the times of tags', () => {
  it('go on where 31 bits are full, and may begin below zero', () => {
    const times = [-21, 0, 0x3fffffff, 0x40000021, 0x7ffffff0, 0x80000010, 0xc0000000]
    const reader = new FlvReader()
    const bytes = [encodeFileHeader({ audio: true, video: false }), ...times.map((time) => encodeTag(audio(time)))]
    expect([...reader.read(Buffer.concat(bytes))].map(({ timestamp }) => timestamp)).toEqual(times)
  })
})

describe('FlvReader', () => {
  const tags: Tag[] = [keyframe(0, SPS_720, PPS), audio(5), video(0x1234567)]
  const file = Buffer.concat([encodeFileHeader({ audio: true, video: true }), ...tags.map(encodeTag)])

  it.each([1, 7, 13, 1000])('reads back what was written, in pieces of %i bytes', (size) => {
    const reader = new FlvReader()
    const read: Tag[] = []
    for (let at = 0; at < file.length; at += size) read.push(...reader.read(file.subarray(at, at + size)))
    expect(read).toEqual(tags)
    expect(reader.tracks).toEqual({ audio: true, video: true })
  })

  it('refuses what is not FLV', () => {
    expect(() => [...new FlvReader().read(Buffer.alloc(64))]).toThrow('FLV')
  })
})

describe('a tag', () => {
  it('tells what it is', () => {
    expect([header(SPS_720), keyframe(0), video(0), audio(0)].map(kindOf)).toEqual([
      'video-header',
      'keyframe',
      'interframe',
      'audio',
    ])
    expect(codecIdOf(video(0))).toBe(AVC)
    expect(codecIdOf(audio(0))).toBe(AAC)
  })
})

describe('pictureFormat', () => {
  it('reads the pixels of a picture from its header', () => {
    expect(pictureFormat(header(SPS_720))).toEqual(expect.objectContaining({ width: 1280, height: 720 }))
    expect(pictureFormat(header(SPS_540))).toEqual(expect.objectContaining({ width: 960, height: 540 }))
  })

  it('says null for a header that is cut, empty or nonsense', () => {
    const whole = header(SPS_720)
    for (let length = 0; length < 20; length++) {
      const cut = { ...whole, body: whole.body.subarray(0, length) }
      expect(pictureFormat(cut)).toBeNull()
    }
    expect(pictureFormat(header(Buffer.alloc(40, 0)))).toBeNull()
  })
})

describe('ParameterSetWatch', () => {
  it('gives a new header before a keyframe that brings other parameter sets, and only then', () => {
    const watch = new ParameterSetWatch()
    expect(watch.headerBefore(keyframe(0, SPS_720, PPS))).toBeNull()
    watch.saw(header(SPS_720))
    expect(watch.headerBefore(keyframe(1, SPS_720, PPS))).toBeNull()
    expect(watch.headerBefore(keyframe(2))).toBeNull()
    const changed = watch.headerBefore(keyframe(3, SPS_540, PPS))
    expect(changed).toMatchObject({ type: TAG_TYPE.video, timestamp: 3 })
    expect(changed?.body.includes(SPS_540)).toBe(true)
    expect(watch.headerBefore(keyframe(4, SPS_540, PPS))).toBeNull()
  })

  it('knows an empty header, which FFmpeg writes before it knows more', () => {
    expect(isWholeHeader({ type: TAG_TYPE.video, timestamp: 0, body: Buffer.from([0x17, 0, 0, 0, 0]) })).toBe(false)
    expect(isWholeHeader(header(SPS_720))).toBe(true)
  })
})

describe('Timeline', () => {
  it('goes on where the epoch before ended, at the time when the next was captured', () => {
    const timeline = new Timeline()
    timeline.beginEpoch(0)
    expect([video(500), audio(510), video(540)].map((tag) => timeline.place(tag, 0))).toEqual([0, 10, 40])
    timeline.beginEpoch(1000)
    expect([video(0), video(33)].map((tag) => timeline.place(tag, 0))).toEqual([1000, 1033])
  })

  it('never goes back, whatever times an epoch claims', () => {
    const timeline = new Timeline()
    timeline.beginEpoch(0)
    timeline.place(video(0), 0)
    timeline.place(video(5000), 0)
    timeline.beginEpoch(100)
    const next = timeline.place(video(0), 0)
    expect(next).toBeGreaterThan(5000)
    expect(timeline.place(video(0), 0)).toBe(next + 1)
  })

  const HOUR = 3_600_000
  const begun = () => {
    const timeline = new Timeline()
    timeline.beginEpoch(0)
    timeline.place(video(0), 0)
    timeline.place(video(1000), 1000)
    return timeline
  }

  it.each([
    ['hours in a moment', 10 * HOUR, 1040, 1050],
    ['hours in some seconds', 10 * HOUR, 5000, 5000],
    ['a gap that lasted', 8000, 7900, 8000],
    ['a gap that waited in an outage', 9000, 1500, 9000],
    ['a step back by hours, as after a wrap', -10 * HOUR, 1040, 1050],
  ])('believes a gap that was seen, and none that was not: %s', (_, timestamp, now, expected) => {
    const timeline = begun()
    expect(timeline.place(video(timestamp), now)).toBe(expected)
    // What follows keeps its distance.
    expect(timeline.place(video(timestamp + 40), now + 40)).toBe(expected + 40)
  })

  it('begins an epoch with its first frame where its header has a time of its own', () => {
    const timeline = begun()
    timeline.beginEpoch(13_000)
    expect(timeline.place(header(SPS_720), 12_990)).toBe(13_000)
    expect(timeline.place(video(17_000), 13_000)).toBe(13_000)
    expect(timeline.place(video(17_040), 13_040)).toBe(13_040)
  })

  it('does not believe what an epoch claims of its own beginning', () => {
    const timeline = begun()
    timeline.beginEpoch(20 * HOUR)
    expect(timeline.place(video(0), 3000)).toBe(3000)
    const first = new Timeline()
    first.beginEpoch(500 * HOUR)
    expect(first.place(video(0), 0)).toBeLessThanOrEqual(10_000)
  })

  it('is never hours ahead of the clock, whatever comes', () => {
    const step = fc.record({ video: fc.boolean(), jump: fc.integer({ min: -1e10, max: 1e10 }), passed: fc.nat(5000) })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const timeline = new Timeline()
        timeline.beginEpoch(0)
        let [now, last] = [0, 0]
        for (const { video: isVideo, jump, passed } of steps) {
          now += passed
          const time = timeline.place(isVideo ? video(jump) : audio(jump), now)
          expect(Number.isSafeInteger(time)).toBe(true)
          // Each may be believed to be ten seconds ahead, and no more.
          expect(time - last).toBeLessThanOrEqual(10_000 + passed + 1)
          last = Math.max(last, time)
        }
      }),
    )
  })
})

describe('Silence', () => {
  const mono = Buffer.from([0xaf, 0, 0x12, 0x08])

  it('keeps up with the picture, at 48 kHz where nothing else is known', () => {
    const silence = new Silence(1000)
    expect([...silence.upTo(1000)].map(kindOf)).toEqual(['audio'])
    const second = [...silence.upTo(2000)]
    expect(second).toHaveLength(46)
    expect(second.at(-1)?.timestamp).toBeLessThanOrEqual(2000)
    expect(silence.end).toBeGreaterThan(2000)
  })

  it.each([1, 2, 3, 4, 5, 6])('is what a decoder takes, of %i channels', (channels) => {
    const config = Buffer.from([0xaf, 0, 0x11, 0x80 | (channels << 3)])
    // ADTS (ISO/IEC 14496-3, 1.A.2.2) around each frame.
    const adts = [...new Silence(0, config).upTo(500)].map(({ body }) => {
      const frame = body.subarray(2)
      const length = frame.length + 7
      const size = [0x4c | (channels >> 2), ((channels & 3) << 6) | (length >> 11), (length >> 3) & 0xff]
      return Buffer.concat([Buffer.from([0xff, 0xf1, ...size, ((length & 7) << 5) | 0x1f, 0xfc]), frame])
    })
    const args = ['-v', 'error', '-f', 'aac', '-i', 'pipe:0', '-f', 's16le', 'pipe:1']
    const { stdout, stderr } = spawnSync(FFMPEG, args, { input: Buffer.concat(adts) })
    expect(stderr.toString()).toBe('')
    expect(stdout).toHaveLength(adts.length * 1024 * 2 * channels)
    expect(stdout.every((byte) => byte === 0)).toBe(true)
  })

  it('has the shape of the sound that it stands in for', () => {
    const silence = new Silence(0, mono)
    expect(silence.header).toBe(mono)
    expect([...silence.upTo(1000)]).toHaveLength(44)
    expect(new Silence(0, Buffer.from([0xaf, 0, 0xff, 0xff])).header).toEqual(new Silence(0).header)
  })
})
