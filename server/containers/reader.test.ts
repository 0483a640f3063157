import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { GatewayError } from '../../shared/errors.ts'
import type { RecorderContainer } from '../../shared/recorder-type.ts'
import { HEADER_BYTES, MAX_ELEMENTS_BETWEEN } from './bounds.ts'
import { box, cluster, element, OPEN_CLUSTER, opusTrack, simpleBlock, turnedMp4, webm } from './fixtures.ts'
import { MatroskaScanner } from './matroska-scanner.ts'
import { type Part, RecordingReader } from './reader.ts'

const recording = (name: string) => readFileSync(new URL(`../../e2e/media/${name}`, import.meta.url))
const containerOf = (name: string): RecorderContainer => (name.endsWith('.mp4') ? 'mp4' : 'matroska')

/** What comes of a recording that is cut behind each of `sizes` bytes, in turn. */
function read(reader: RecordingReader, bytes: Buffer, sizes: number[] = [bytes.length]): Part[] {
  const parts: Part[] = []
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const size = sizes[i % sizes.length] ?? 1
    for (const part of reader.read(bytes.subarray(at, at + size))) {
      // What is kept for longer is copied by whoever keeps it.
      parts.push(part.kind === 'bytes' ? { ...part, bytes: Buffer.from(part.bytes) } : part)
    }
    at += size
  }
  return parts
}

/** The same without the cuts. */
function joined(parts: Part[]): Part[] {
  const joined: Part[] = []
  for (const part of parts) {
    const last = joined.at(-1)
    if (part.kind === 'bytes' && last?.kind === 'bytes') {
      last.bytes = Buffer.concat([last.bytes, part.bytes])
      last.points.push(...part.points)
    } else joined.push(part.kind === 'bytes' ? { ...part, points: [...part.points] } : part)
  }
  return joined
}

/** The same with hashes of the bytes, which are compared sooner. */
function whole(parts: Part[]): object[] {
  const hash = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')
  return joined(parts).map((part) => (part.kind === 'bytes' ? { ...part, bytes: hash(part.bytes) } : part))
}

const refusal = (container: RecorderContainer, bytes: Buffer, sizes?: number[]): string | null => {
  try {
    read(new RecordingReader(container), bytes, sizes)
    return null
  } catch (error) {
    expect(error).toBeInstanceOf(GatewayError)
    return (error as GatewayError).message
  }
}

describe('the reader of a recording', () => {
  it.each([
    ['chrome-h264.webm', { codec: 'h264', width: 1280, height: 720, annexB: true }, { codec: 'opus' }],
    ['chrome-h264.mp4', { codec: 'h264', width: 1280, height: 720 }, { codec: 'opus' }],
    ['chrome-vp8.webm', { codec: 'vp8', width: 640, height: 360 }, { codec: 'opus' }],
    ['chrome-vp9.webm', { codec: 'vp9', width: 640, height: 360 }, { codec: 'opus' }],
    ['firefox-vp8.webm', { codec: 'vp8', width: 640, height: 360 }, { codec: 'opus' }],
    ['chrome-silent.webm', { codec: 'h264', width: 640, height: 360, annexB: true }, null],
    ['chrome-audio-only.webm', null, { codec: 'opus' }],
    ['synthetic-h264-aac.mp4', { codec: 'h264', width: 1280, height: 720 }, { codec: 'aac' }],
    ['chrome-h264-resize.webm', { codec: 'h264', width: 1280, height: 720, annexB: true }, { codec: 'opus' }],
  ])('finds the tracks of %s, and hands on all of it', (name, video, audio) => {
    const bytes = recording(name)
    const parts = joined(read(new RecordingReader(containerOf(name)), bytes))
    expect(parts.map(({ kind }) => kind)).toEqual(['tracks', 'begin', 'bytes'])
    const [tracks, begin, media] = parts
    expect(tracks).toEqual({ kind: 'tracks', tracks: { video, audio } })
    if (begin?.kind !== 'begin' || media?.kind !== 'bytes') throw new Error('It has no media.')
    expect(Buffer.concat([begin.header, media.bytes]).equals(bytes)).toBe(true)
    expect(begin.header.length).toBeLessThan(2000)
    expect(media.points.length).toBeGreaterThan(0)
  })

  it.each([
    [1, { codec: 'h264', width: 720, height: 1280, isTurned: true }],
    [2, { codec: 'h264', width: 1280, height: 720, isTurned: true }],
    [3, { codec: 'h264', width: 720, height: 1280, isTurned: true }],
    [0, { codec: 'h264', width: 1280, height: 720 }],
  ] as const)('sees that the pictures of an MP4 are to be turned by %i quarters', (quarters, video) => {
    const bytes = turnedMp4(recording('chrome-h264.mp4'), quarters)
    expect(read(new RecordingReader('mp4'), bytes)[0]).toEqual({
      kind: 'tracks',
      tracks: { video, audio: { codec: 'opus' } },
    })
  })

  it.each(['chrome-h264.webm', 'firefox-vp8.webm', 'chrome-h264.mp4', 'synthetic-h264-aac.mp4'])(
    'gives the same of %s, however it is cut',
    (name) => {
      const bytes = recording(name).subarray(0, 60_000)
      const expected = whole(read(new RecordingReader(containerOf(name)), bytes))
      const sizes = fc.array(fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 9000 })), {
        minLength: 1,
      })
      const same = fc.property(sizes, (cuts) => {
        expect(whole(read(new RecordingReader(containerOf(name)), bytes, cuts))).toEqual(expected)
      })
      fc.assert(same, { numRuns: 60 })
    },
  )

  it('looks at an element once for each piece that it comes in, and never at those before it', () => {
    const looks = vi.spyOn(MatroskaScanner.prototype, 'see')
    const padding = Array.from({ length: 900 }, () => element(0xec, Buffer.alloc(50)))
    const header = Buffer.concat([webm([opusTrack(2)]), ...padding])
    expect(refusal('matroska', header, [1])).toBeNull()
    // One that began anew each time would look half a million times and more at elements that it knows.
    expect(looks.mock.calls.length).toBeLessThan(header.length + padding.length + 10)
    // What it is given grows to the header, and is not copied for each byte.
    const rooms = new Set(looks.mock.calls.map(([bytes]) => bytes.buffer))
    expect(rooms.size).toBeLessThan(40)
    looks.mockRestore()
  })
})

describe('what is no recording that is taken', () => {
  const mp4 = recording('synthetic-h264-aac.mp4')
  const vp8 = recording('chrome-vp8.webm')
  it.each<[string, RecorderContainer, Buffer, RegExp]>([
    ['a playlist as WebM', 'matroska', Buffer.from('#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n'), /no WebM/],
    ['a playlist as MP4', 'mp4', Buffer.from('#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n'), /no MP4/],
    ['zeros as WebM', 'matroska', Buffer.alloc(64), /no WebM/],
    ['zeros as MP4', 'mp4', Buffer.alloc(64), /no MP4/],
    ['an MP4 as WebM', 'matroska', mp4.subarray(0, 4096), /no WebM/],
    ['a WebM as MP4', 'mp4', vp8.subarray(0, 4096), /no MP4/],
    ['a WebM of a strange kind', 'matroska', replaced(vp8, 'webm', 'xxxx'), /no WebM/],
    ['an unknown codec', 'matroska', replaced(vp8, 'V_VP8', 'V_XY8'), /"V_XY8" is not taken/],
    ['a codec named like what every object has', 'matroska', webm([opusTrack(2, 'constructor')]), /"constructor"/],
    ['a codec named __proto__', 'matroska', webm([opusTrack(2, '__proto__')]), /"__proto__"/],
    ['a compressed track', 'matroska', webm([opusTrack(2, 'A_OPUS', element(0x6d80, Buffer.alloc(4)))]), /compressed/],
    [
      'a track with a clock of its own',
      'matroska',
      webm([opusTrack(2, 'A_OPUS', element(0x23314f, float(8)))]),
      /time/,
    ],
    ['a track with a number of three bytes', 'matroska', webm([opusTrack(0x4000)]), /number/],
    ['sixty-four channels', 'matroska', webm([opusTrack(2, 'A_OPUS', sound(48_000, 64))]), /64 channels/],
    ['a million samples a second', 'matroska', webm([opusTrack(2, 'A_OPUS', sound(1e6, 2))]), /1000000 Hz/],
    ['a hundred tracks', 'matroska', webm(Array.from({ length: 100 }, () => opusTrack(2))), /16 tracks/],
    ['no track that is known', 'matroska', webm([]), /neither a picture nor sound/],
    ['a header that does not end', 'matroska', endlessElement(), /longer than 65536/],
    [
      'a second header',
      'matroska',
      Buffer.concat([webm([opusTrack(2)]), cluster(0, []), tracksAgain()]),
      /second header/,
    ],
    [
      'noise in its media',
      'matroska',
      Buffer.concat([webm([opusTrack(2)]), cluster(0, []), Buffer.alloc(9)]),
      /damaged/,
    ],
    ['an MP4 that takes its media from elsewhere', 'mp4', withExternalMedia(mp4), /from another file/],
    [
      'an MP4 with its media first',
      'mp4',
      Buffer.concat([mp4.subarray(0, 28), box('mdat', Buffer.alloc(9))]),
      /before its header/,
    ],
    ['an MP4 with a fragment in another box', 'mp4', wrapped(mp4), /damaged/],
    ['an MP4 with a second table of samples', 'mp4', withAnother(mp4, 'stsz'), /twice/],
    ['an MP4 with a million samples in its header', 'mp4', withSamples(mp4, 1_000_000), /not fragmented/],
  ])('is refused: %s', (_, container, bytes, message) => {
    expect(refusal(container, bytes)).toMatch(message)
    expect(refusal(container, bytes, [1])).toMatch(message)
  })

  it('is refused: padding without end, in the header and in the media', () => {
    const padding = Buffer.concat(
      Array.from({ length: MAX_ELEMENTS_BETWEEN + 1 }, () => element(0xec, Buffer.alloc(0))),
    )
    expect(refusal('matroska', Buffer.concat([webm([]).subarray(0, -10), padding]))).not.toBeNull()
    const media = Buffer.concat([webm([opusTrack(2)]), cluster(0, [simpleBlock(2, 0)]), padding])
    expect(refusal('matroska', media, [7])).toMatch(/no media/)
  })

  it('is refused: more pieces than any recorder makes', () => {
    const blocks = Array.from({ length: 5000 }, () => simpleBlock(2, 0))
    const clusters = Array.from({ length: 30 }, () => cluster(0, blocks))
    expect(refusal('matroska', Buffer.concat([webm([opusTrack(2)]), ...clusters]))).toMatch(/in a second/)
  })
})

describe('a recording whose time jumps', () => {
  const begun = (filled: boolean) => {
    const reader = new RecordingReader('matroska')
    reader.filled.audio = filled
    read(reader, Buffer.concat([webm([opusTrack(2)]), cluster(0, [simpleBlock(2, 0), simpleBlock(2, 20)])]))
    return reader
  }

  it.each([
    ['forward', cluster(36_000_000, [simpleBlock(2, 0)])],
    ['in eight bytes', Buffer.concat([OPEN_CLUSTER, longTime(36_000_000), simpleBlock(2, 0)])],
    ['in a group of one block', cluster(36_000_000, [element(0xa0, simpleBlock(2, 0, 0xa1))])],
    ['within a cluster', cluster(0, [simpleBlock(2, 30_000)])],
  ])('begins anew behind the jump: %s', (_, next) => {
    const parts = read(begun(true), next)
    const index = parts.findIndex(({ kind }) => kind === 'begin')
    const begin = parts[index]
    if (begin?.kind !== 'begin') throw new Error('It went on.')
    expect(begin.jump).toMatch(/jumps by/)
    const rest = parts.slice(index + 1).flatMap((part) => (part.kind === 'bytes' ? [part.bytes] : []))
    // What is given to one who begins there is a recording, with the same block at the same time.
    const anew = read(new RecordingReader('matroska'), Buffer.concat([begin.header, begin.prefix, ...rest]))
    expect(anew.map(({ kind }) => kind)).toEqual(['tracks', 'begin', 'bytes'])
  })

  it('goes on where nothing is filled, where the gap is short, and where its units make it short', () => {
    const far = cluster(36_000_000, [simpleBlock(2, 0)])
    expect(read(begun(false), far).every(({ kind }) => kind === 'bytes')).toBe(true)
    expect(read(begun(true), cluster(8_000, [simpleBlock(2, 0)])).every(({ kind }) => kind === 'bytes')).toBe(true)
  })

  it('is seen in whatever units it counts', () => {
    const reader = new RecordingReader('matroska')
    reader.filled.audio = true
    // A unit is a second here: 30 of them look like 30 ms.
    const parts = read(
      reader,
      Buffer.concat([webm([opusTrack(2)], 1_000_000_000), cluster(0, [simpleBlock(2, 0), simpleBlock(2, 30)])]),
    )
    expect(parts.filter(({ kind }) => kind === 'begin')).toHaveLength(2)
  })
})

function replaced(file: Buffer, what: string, by: string): Buffer {
  const copy = Buffer.from(file.subarray(0, 4096))
  copy.write(by, copy.indexOf(what), 'latin1')
  return copy
}

function float(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeFloatBE(value)
  return bytes
}

function sound(rate: number, channels: number): Buffer {
  return element(0xe1, Buffer.concat([element(0xb5, float(rate)), element(0x9f, Buffer.from([channels]))]))
}

/** A time in as many bytes as it may have. */
function longTime(time: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(BigInt(time))
  return element(0xe7, bytes)
}

function tracksAgain(): Buffer {
  return element(0x1654ae6b, opusTrack(2))
}

/** A void element of 2^40 bytes in front of the tracks. */
function endlessElement(): Buffer {
  const start = webm([opusTrack(2)])
  const at = start.indexOf(Buffer.from('1654ae6b', 'hex'))
  const endless = Buffer.from('bf84ffffffff', 'hex')
  return Buffer.concat([start.subarray(0, at), endless, Buffer.alloc(HEADER_BYTES, 0xec)]).subarray(
    0,
    HEADER_BYTES + 400,
  )
}

/** Clears the flag that says that the media is in the same file. */
function withExternalMedia(file: Buffer): Buffer {
  const bytes = Buffer.from(file.subarray(0, 4096))
  bytes[bytes.indexOf('url ') + 7] = 0
  return bytes
}

/** Says in the header that so many samples are in it. */
function withSamples(file: Buffer, count: number): Buffer {
  const bytes = Buffer.from(file.subarray(0, 4096))
  bytes.writeUInt32BE(count, bytes.indexOf('stsz') + 12)
  return bytes
}

/** The first fragment in a box that has no business there. */
function wrapped(file: Buffer): Buffer {
  const at = file.indexOf('moof') - 4
  const fragment = file.subarray(at, at + file.readUInt32BE(at))
  return Buffer.concat([file.subarray(0, at), box('udta', fragment)])
}

/** Names a box in a text of the header, as a box that is hidden in another would. */
function withAnother(file: Buffer, name: string): Buffer {
  const moov = file.indexOf('moov') - 4
  const size = file.readUInt32BE(moov)
  const more = box('udta', box(name, Buffer.alloc(12)), box(name, Buffer.alloc(12)))
  const copy = Buffer.concat([file.subarray(0, moov + size), more, file.subarray(moov + size, 9000)])
  copy.writeUInt32BE(size + more.length, moov)
  return copy
}
