import { pino } from 'pino'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { audioHeader, frames, videoHeader } from '../../e2e/support/tags.ts'
import type { GatewayError } from '../../shared/errors.ts'
import type { Broadcast } from '../broadcast/broadcast.ts'
import { Directory } from '../broadcast/directory.ts'
import type { PictureSize } from '../ffmpeg/picture-size.ts'
import type { BusTag } from '../flv/gop-cache.ts'
import { TAG_TYPE, type Tag } from '../flv/tag.ts'
import { Turns } from '../process/turns.ts'
import { RtmpSource } from './rtmp-source.ts'

let broadcast: Broadcast
let source: RtmpSource
let bus: BusTag[]
let refusals: GatewayError[]

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance', 'setTimeout', 'clearTimeout'] })
  broadcast = new Directory().claim('cam', 'rtmp')
  bus = []
  refusals = []
  broadcast.listen({ push: (tag) => bus.push(tag), end: () => {} })
  source = sourceOf({ width: 1920, height: 1080 })
})
afterEach(() => vi.useRealTimers())

function sourceOf(mostPicture: PictureSize): RtmpSource {
  return new RtmpSource(broadcast, {
    ffmpegs: {
      run() {
        throw new Error('No FFmpeg is needed.')
      },
    } as never,
    turns: new Turns(),
    capacity: { admitTranscode() {} } as never,
    mostPicture,
    log: pino({ level: 'silent' }),
    onRefused: (error) => refusals.push(error),
  })
}

/** Sends tags when their times say. */
async function send(tags: readonly Tag[]): Promise<void> {
  for (const tag of tags) {
    const wait = tag.timestamp - performance.now() + began
    if (wait > 0) vi.advanceTimersByTime(wait)
    await source.tag(tag)
  }
}
let began = 0
beforeEach(() => {
  began = performance.now()
})

const pictures = (tags: readonly Tag[]) => tags.filter(({ type }) => type === TAG_TYPE.video)
const sound = (tags: readonly Tag[]) => tags.filter(({ type }) => type === TAG_TYPE.audio)
const count = (kind: BusTag['kind']) => bus.filter((tag) => tag.kind === kind).length
/** The largest step between two tags of these kinds, in ms. */
function largestStep(...kinds: BusTag['kind'][]): number {
  const times = bus.filter(({ kind }) => kinds.includes(kind)).map(({ timestamp }) => timestamp)
  return Math.max(...times.slice(1).map((time, index) => time - (times[index] ?? 0)))
}

describe('an encoder on the bus', () => {
  it('has every picture and every piece of sound, as they came', async () => {
    const tags = frames(0, 4_000)
    await send([videoHeader(720), audioHeader(), ...tags])
    expect(bus.slice(0, 3).map(({ kind }) => kind)).toEqual(['metadata', 'video-header', 'keyframe'])
    expect(count('keyframe') + count('interframe')).toBe(pictures(tags).length)
    expect(count('audio')).toBe(sound(tags).length)
    expect(broadcast.epoch).toMatchObject({
      epoch: 0,
      video: { codec: 'h264', width: 1280, height: 720, action: 'copy' },
      audio: { codec: 'aac', action: 'copy' },
    })
  })

  it('is waited for no longer than its metadata says', async () => {
    source.metadata(new Map<string, number>([['audiocodecid', 10]]))
    await send([audioHeader(), ...frames(0, 100, { video: false })])
    expect(broadcast.carried).toEqual({ video: false, audio: true })
    expect(bus[0]?.kind).toBe('metadata')
  })

  it('has silence until its sound comes, and then that, without a new epoch', async () => {
    const tags = frames(0, 8_000)
    await send(
      [videoHeader(720), ...tags.filter(({ type, timestamp }) => type === TAG_TYPE.video || timestamp > 4_000)].flatMap(
        (tag) =>
          tag.type === TAG_TYPE.audio && tag === sound(tags).find(({ timestamp }) => timestamp > 4_000)
            ? [audioHeader(tag.timestamp), tag]
            : [tag],
      ),
    )
    expect(broadcast.epoch).toMatchObject({ epoch: 0, audio: { codec: 'aac', action: 'copy' } })
    expect(largestStep('audio')).toBeLessThan(60)
    expect(bus.filter(({ kind, timestamp }) => kind === 'audio-header' && timestamp > 3_900)).toHaveLength(1)
  })

  it('has silence where its sound is announced and never comes', async () => {
    await send([videoHeader(720), audioHeader(), ...pictures(frames(0, 8_000))])
    expect(broadcast.carried).toEqual({ video: true, audio: true })
    expect(broadcast.epoch?.audio).toEqual({ codec: 'aac', action: 'silence' })
    expect(count('audio')).toBeGreaterThan(300)
  })

  it('has its picture from its first keyframe on where that comes late, and its sound does not notice', async () => {
    const tags = frames(0, 8_000)
    const late = tags.filter(({ type, timestamp }) => type === TAG_TYPE.audio || timestamp >= 4_000)
    await send([audioHeader(), ...late.filter(({ timestamp }) => timestamp < 4_000)])
    expect(broadcast.carried).toEqual({ video: false, audio: true })
    await send([videoHeader(720, 4_000), ...late.filter(({ timestamp }) => timestamp >= 4_000)])
    expect(broadcast.carried).toEqual({ video: true, audio: true })
    expect(broadcast.epoch?.epoch).toBe(1)
    expect(count('audio')).toBe(sound(tags).length)
    expect(largestStep('audio')).toBeLessThan(60)
    const first = bus.find(({ kind }) => kind === 'keyframe')
    const beside = bus
      .filter(({ kind }) => kind === 'audio')
      .find(({ timestamp }) => timestamp >= (first?.timestamp ?? 0))
    expect(Math.abs((beside?.timestamp ?? 0) - (first?.timestamp ?? 0))).toBeLessThan(60)
  })

  it('goes on evenly where its times jump, and where they wrap', async () => {
    const tags = frames(0, 8_000).map((tag) => ({ ...tag, sent: tag.timestamp }))
    await source.tag(videoHeader(720))
    await source.tag(audioHeader())
    for (const { sent, ...tag } of tags) {
      vi.advanceTimersByTime(Math.max(0, sent - performance.now() + began))
      const jump = sent < 3_000 ? 2 ** 32 - 1_000 : sent < 6_000 ? 50_000 : 0
      await source.tag({ ...tag, timestamp: (sent + jump) % 2 ** 32 })
    }
    expect(largestStep('keyframe', 'interframe')).toBeLessThan(100)
    expect(largestStep('audio')).toBeLessThan(100)
    expect(count('keyframe') + count('interframe')).toBe(pictures(tags).length)
  })

  it('has no pictures before the first keyframe, and tells who could not begin to watch', async () => {
    const [first, ...rest] = pictures(frames(0, 20_000, { gopMs: 60_000 }))
    await send([videoHeader(720), ...rest.slice(0, 10)])
    expect(bus).toEqual([])
    if (first) await send([{ ...first, timestamp: rest[10]?.timestamp ?? 0 }, ...rest.slice(11)])
    expect(broadcast.advice).toMatch(/^The encoder sends no keyframes: .* keyframe interval to 2 s/)
    if (first) await source.tag({ ...first, timestamp: 20_040 })
    expect(broadcast.advice).toMatch(/^Keyframes of the encoder are up to (19|20) s apart: .* keyframe interval to 2 s/)
    await send(pictures(frames(20_080, 28_000)))
    expect(broadcast.advice).toBeNull()
  })

  it.each([
    [
      'a codec that is not decoded',
      [{ type: TAG_TYPE.video, timestamp: 0, body: Buffer.from([0x13, 0, 0]) }],
      'flashsv',
    ],
    [
      'sound that is not decoded',
      [{ type: TAG_TYPE.audio, timestamp: 0, body: Buffer.from([0x6f, 0, 0]) }],
      'nellymoser',
    ],
  ])('is refused in words where it sends %s', async (_, tags, words) => {
    await send(tags)
    vi.advanceTimersByTime(1_100)
    await send(tags)
    expect(refusals.map(({ code, message }) => [code, message])).toEqual([
      ['unsupported_media', `The encoder sends ${words}, which is not taken. Set it to H.264 and AAC.`],
    ])
  })

  it('is refused where its picture is larger than it may be', async () => {
    source = sourceOf({ width: 640, height: 360 })
    await send([videoHeader(720), audioHeader(), ...frames(0, 100)])
    expect(refusals.map(({ message }) => message)).toEqual([
      'A picture of 1280×720 pixels is larger than this server takes: 640×360.',
    ])
    expect(bus).toEqual([])
  })

  it('shows a picture that stands still beside its sound again, as often as keyframes should come', async () => {
    const tags = frames(0, 20_000)
    const [first] = pictures(tags)
    await send([videoHeader(720), audioHeader(), ...(first ? [first] : []), ...sound(tags)])
    const times = bus.filter(({ kind }) => kind === 'keyframe').map(({ timestamp }) => timestamp)
    expect(times).toHaveLength(10)
    expect(largestStep('keyframe')).toBeLessThan(2_050)
    expect(largestStep('audio')).toBeLessThan(30)
  })

  it('is refused where its tracks change again and again', async () => {
    source.metadata(new Map<string, number>([['audiocodecid', 10]]))
    const enhanced = (body: Buffer, timestamp: number): Tag => ({
      type: TAG_TYPE.audio,
      timestamp,
      body: Buffer.concat([Buffer.from([0x91]), Buffer.from('mp4a'), body]),
    })
    await source.tag(audioHeader())
    for (let index = 0; refusals.length === 0 && index < 100; index++) {
      const plain = { type: TAG_TYPE.audio, timestamp: index * 20, body: Buffer.from([0xaf, 1, 0x21]) }
      await source.tag(index % 2 ? plain : enhanced(Buffer.from([0x21]), index * 20))
    }
    expect(refusals.map(({ message }) => message)).toEqual(['The encoder changes its tracks again and again.'])
  })

  it('begins anew, with whatever it sends then, on another connection', async () => {
    await send([videoHeader(720), audioHeader(), ...frames(0, 2_000)])
    vi.advanceTimersByTime(5_000)
    await source.anew()
    began = performance.now()
    await send([videoHeader(540), audioHeader(), ...frames(0, 2_000)])
    expect(broadcast.epoch).toMatchObject({ epoch: 1, video: { width: 960, height: 540 } })
    const times = bus.filter(({ kind }) => kind === 'audio').map(({ timestamp }) => timestamp)
    expect(times.every((time, index) => index === 0 || time > (times[index - 1] ?? 0))).toBe(true)
    expect(largestStep('audio')).toBeGreaterThan(4_900)
    expect(largestStep('audio')).toBeLessThan(5_200)
  })

  it('takes whatever bytes there are without harm', async () => {
    const tags = [videoHeader(720), audioHeader(), ...frames(0, 1_000)]
    let seed = 1
    const random = () => {
      seed = (seed * 16_807) % 2_147_483_647
      return seed
    }
    for (let round = 0; round < 300; round++) {
      const tag = tags[random() % tags.length]
      if (!tag) continue
      const body = Buffer.from(tag.body)
      if (body.length > 0) body[random() % Math.min(8, body.length)] = random() % 256
      const cut = random() % 4 === 0 ? body.subarray(0, random() % (body.length + 1)) : body
      if ((cut[0] ?? 0) & 0x80 && tag.type === TAG_TYPE.video) continue
      vi.advanceTimersByTime(30)
      // What is not decoded here ends it.
      await source.tag({ ...tag, timestamp: (random() * 2) >>> 0, body: cut })?.catch((error) => {
        expect(String(error)).toContain('No FFmpeg is needed')
      })
    }
  })
})
