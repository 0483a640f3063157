import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { isFrame, kindOf, TAG_TYPE, type Tag } from '../server/flv/tag.ts'
import { asAdmin } from './support/archive.ts'
import { collectFlv, makeTags, TestEncoder, USUAL } from './support/encoder.ts'
import { enhancedTags } from './support/enhanced.ts'
import { startGateway, type TestGateway } from './support/gateway.ts'
import { ffmpeg } from './support/media.ts'
import { WITH_KEY } from './support/tokens.ts'
import { until } from './support/wait.ts'

let gateway: TestGateway
let usual: Tag[]
beforeAll(async () => {
  gateway = await startGateway(['--rtmp', 'embedded'], WITH_KEY)
  usual = await makeTags(USUAL)
})
afterAll(() => gateway.stop())

const isPicture = ({ type }: Tag) => type === TAG_TYPE.video
const isSound = ({ type }: Tag) => type === TAG_TYPE.audio

/** Publishes tags, each changed, and gives what a viewer over HTTP-FLV got from its beginning to its end. */
async function seen(name: string, tags: readonly Tag[], change?: (tag: Tag, index: number) => Tag[]): Promise<Tag[]> {
  const encoder = new TestEncoder(gateway.rtmpPort, name)
  const published = encoder.publish(tags, change)
  await until('it is live', async () => (await gateway.stream(name))?.state === 'live')
  const watching = collectFlv(`${gateway.url}/live/${name}.flv`)
  await published
  await encoder.end()
  return watching
}

/** The largest step in the times of these tags, in ms. */
function largestStep(tags: readonly Tag[]): number {
  return Math.max(...tags.slice(1).map(({ timestamp }, index) => timestamp - (tags[index]?.timestamp ?? 0)))
}

describe('what an encoder sends', () => {
  it.each<[string, (tag: Tag, index: number) => Tag[]]>([
    ['as it should be', (tag) => [tag]],
    [
      'with a picture of two bytes, and one of none',
      (tag, index) =>
        index === 100
          ? [{ ...tag, type: 9, body: Buffer.from([0x57, 0]) }, { ...tag, type: 9, body: Buffer.alloc(0) }, tag]
          : [tag],
    ],
    [
      'with sound that begins just below zero',
      (tag) => [isSound(tag) ? { ...tag, timestamp: tag.timestamp - 44 } : tag],
    ],
    ['with times from four thousand million on', (tag) => [{ ...tag, timestamp: tag.timestamp + 4_294_960_000 }]],
    [
      'with metadata that makes no sense',
      (tag, index) =>
        index % 50 === 0 ? [{ ...tag, type: TAG_TYPE.script, body: Buffer.from('02000a', 'hex') }, tag] : [tag],
    ],
    [
      'with the header of each track before each keyframe',
      (tag) =>
        kindOf(tag) === 'keyframe'
          ? [
              ...usual
                .filter((each) => /header/.test(kindOf(each)))
                .map((each) => ({ ...each, timestamp: tag.timestamp })),
              tag,
            ]
          : [tag],
    ],
  ])('is heard, every frame of it: %s', async (what, change) => {
    const name = `whole-${what.length}`
    const tags = await seen(name, usual, change)
    const [pictures, sound] = [tags.filter(isPicture).filter(isFrame), tags.filter(isSound).filter(isFrame)]
    const sent = usual.filter(isPicture).filter(isFrame).length
    // It is watched from the first keyframe that it begins at.
    expect(pictures.length).toBeGreaterThan(sent - 50)
    expect(pictures.length).toBeLessThanOrEqual(sent)
    expect([largestStep(pictures), largestStep(sound) < 30]).toEqual([40, true])
  })

  it('goes on in time where its clock is set back by a minute, and ahead by an hour', async () => {
    const tags = await seen('jumps', usual, (tag) => {
      const jump = tag.timestamp < 4_000 ? 60_000 : tag.timestamp < 8_000 ? 0 : 3_600_000
      return [{ ...tag, timestamp: tag.timestamp + jump }]
    })
    const pictures = tags.filter(isPicture).filter(isFrame)
    expect(largestStep(pictures)).toBeLessThan(200)
    expect(pictures.length).toBeGreaterThan(240)
    await gateway.logged({ stream: 'jumps', msg: 'the times of the encoder jump: they go on without that' })
  })

  it.each<[string, (tag: Tag) => boolean]>([
    ['sound', isPicture],
    ['picture', isSound],
  ])('has the %s that comes four seconds late', async (what, isEarly) => {
    const encoder = new TestEncoder(gateway.rtmpPort, `late-${what}`)
    const published = encoder.publish(usual, (tag) =>
      isEarly(tag) || tag.timestamp >= 4_000 || /header/.test(kindOf(tag)) ? [tag] : [],
    )
    await until('it has both', async () => {
      const { video, audio } = (await gateway.stream(`late-${what}`)) ?? {}
      return video?.action === 'copy' && video.width === 320 && audio?.action === 'copy'
    })
    const watching = collectFlv(`${gateway.url}/live/late-${what}.flv`)
    await published
    await encoder.end()
    const late = (await watching).filter((tag) => !isEarly(tag)).filter(isFrame)
    expect(late.length).toBeGreaterThan(100)
    expect(largestStep(late)).toBeLessThan(60)
  })

  it('with more colours than browsers show is made fit for them', async () => {
    const high = await makeTags([...USUAL, '-pix_fmt', 'yuv444p'], 8)
    const watching = seen('colours', high)
    await until('it is live', async () => (await gateway.stream('colours'))?.state === 'live')
    expect((await gateway.stream('colours'))?.video).toMatchObject({ codec: 'h264', action: 'transcode' })
    const { stderr } = await ffmpeg(['-i', `${gateway.url}/live/colours.flv`, '-frames:v', '1', '-f', 'null', '-'])
    expect(stderr).toMatch(/Stream.*Video: h264.*yuv420p\(/)
    await watching
  })

  it.each(['hevc', 'vp9'] as const)('as enhanced RTMP, %s, is transcoded', async (codec) => {
    const encoder = new TestEncoder(gateway.rtmpPort, `enhanced-${codec}`)
    const published = encoder.publish(await enhancedTags(codec, usual.filter(isSound)))
    const stream = await until('it is live', async () => {
      const found = await gateway.stream(`enhanced-${codec}`)
      return found?.state === 'live' && (found.video?.width ?? 0) > 0 ? found : null
    })
    expect(stream).toMatchObject({
      video: { codec, width: 320, height: 240, action: 'transcode' },
      audio: { codec: 'aac', action: 'copy' },
    })
    const { stderr } = await ffmpeg(['-v', 'info', '-i', stream.playback.flv, '-frames:v', '25', '-f', 'null', '-'])
    expect(stderr).toMatch(/Stream.*Video: h264.*320x240/)
    await published
    await encoder.end()
  })

  it('goes on in its own broadcast when it comes back, and a viewer stays', async () => {
    const first = new TestEncoder(gateway.rtmpPort, 'back')
    await first.publish(usual.filter(({ timestamp }) => timestamp < 3_000))
    const stream = await until('it is live', () => gateway.stream('back'))
    const watching = collectFlv(`${gateway.url}/live/back.flv`)
    await until('somebody watches', async () => (await gateway.stream('back'))?.viewers.flv === 1)
    await first.vanish()
    await until('it is waited for', async () => (await gateway.stream('back'))?.state === 'waiting')
    const second = new TestEncoder(gateway.rtmpPort, 'back')
    await second.publish(usual.filter(({ timestamp }) => timestamp < 3_000))
    expect(await gateway.stream('back')).toMatchObject({ id: stream.id, state: 'live', epoch: 1 })
    await second.end()
    const pictures = (await watching).filter(isPicture).filter(isFrame)
    expect(pictures.length).toBeGreaterThan(75)
    expect(
      pictures.every(({ timestamp }, index) => index === 0 || timestamp > (pictures[index - 1]?.timestamp ?? 0)),
    ).toBe(true)
    await until('the name is free at once', async () => (await gateway.stream('back')) === null)
  })
})

describe('an encoder that is refused', () => {
  const events = async () =>
    (await asAdmin<{ events: { type: string; data: object }[] }>(gateway, 'events')).body.events

  it.each([
    ['a name that is none', 'my.stream', 'live', /stream name: 1 to 64 letters/],
    ['a name that is encoded', 'a%20b', 'live', /stream name/],
    ['no name', '', 'live', /stream name/],
    ['a long name', 'x'.repeat(65), 'live', /stream name/],
    ['two tokens', 'x?token=a&token=b', 'live', /more than one token/],
    ['another application', 'key', 'stream', /no application "stream"/],
    ['a key behind the application', 'key', 'live/app', /no application "live\/app"/],
  ])('is told why, and so is the operator: %s', async (_, key, app, reason) => {
    const before = gateway.log().length
    const encoder = new TestEncoder(gateway.rtmpPort, key, app)
    expect(await encoder.answer()).toMatchObject({ kind: 'refused', reason: expect.stringMatching(reason) })
    await encoder.closed
    if (app !== 'live') return
    await gateway.logged({ msg: 'an encoder was refused', code: 'bad_request', address: null }, before)
    // What else happened may be told after it.
    const refusals = (await events()).filter(({ type }) => type === 'encoder.refused')
    expect(refusals.at(-1)).toMatchObject({ data: { code: 'bad_request', reason: expect.stringMatching(reason) } })
  })

  it('is told where its name is taken by a page or by another encoder', async () => {
    const first = new TestEncoder(gateway.rtmpPort, 'taken')
    const publishing = first.publish(usual)
    await until('it is live', async () => (await gateway.stream('taken'))?.state === 'live')
    const second = new TestEncoder(gateway.rtmpPort, 'taken')
    expect(await second.answer()).toEqual({
      kind: 'refused',
      reason: expect.stringMatching(/An encoder publishes "taken" already.*NetStream.Publish.BadName/),
    })
    expect((await gateway.stream('taken'))?.state).toBe('live')
    await first.end()
    await publishing
  })
})
