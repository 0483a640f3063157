import type { Browser, BrowserContext, Page } from 'playwright'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { FAKE_CAMERA, startBrowser } from './support/browser.ts'
import { writeClockVideo } from './support/clock.ts'
import { readFrames, withoutRepeats } from './support/clock-reader.ts'
import { startGateway, type TestGateway } from './support/gateway.ts'
import { HlsCollector } from './support/hls.ts'
import { decode } from './support/media.ts'
import { freePort, temporaryDirectory } from './support/resources.ts'
import { ADMIN, WITH_KEY } from './support/tokens.ts'
import { type Fate, startUdpRelay } from './support/udp-relay.ts'
import { until } from './support/wait.ts'
import { closePeer, publishFromPage, restartIce, type WhipPageOptions } from './support/whip-page.ts'

let browser: Browser
let gateway: TestGateway
let webrtcPort: number
let directory: Awaited<ReturnType<typeof temporaryDirectory>>
let context: BrowserContext
let page: Page
beforeAll(async () => {
  directory = await temporaryDirectory()
  const camera = `${directory.path}/clock.mjpeg`
  await writeClockVideo(camera, 640, 360, 1500)
  browser = await startBrowser([...FAKE_CAMERA, `--use-file-for-fake-video-capture=${camera}`])
  webrtcPort = await freePort()
  const options = ['--rtmp', 'nginx', '--webrtc-port', `${webrtcPort}`, '--resume-seconds', '5']
  gateway = await startGateway(options, WITH_KEY)
})
afterAll(async () => {
  await browser.close()
  await gateway.stop()
  await directory.remove()
})
beforeEach(async () => {
  context = await browser.newContext()
  page = await context.newPage()
  await page.goto(`${gateway.url}/healthz`)
})
afterEach(() => context.close())

const publish = (name: string, options: Partial<WhipPageOptions> = {}) =>
  publishFromPage(page, { url: `${gateway.url}/whip/${name}`, ...options })

const live = (name: string) => until(`${name} is live`, async () => (await gateway.stream(name))?.state === 'live')

/** Resolves when so many bytes more have come. */
async function moreOf(name: string, bytes = 300_000): Promise<void> {
  const count = async () => (await gateway.stream(name))?.bytesIn ?? 0
  const before = await count()
  await until('more media', async () => (await count()) > before + bytes)
}

/** The numbers of pictures in order, and how many of them are there of those between the first and the last. */
function inOrder(frames: (number | null)[]): { numbers: number[]; isSorted: boolean } {
  const numbers = withoutRepeats(frames).filter((frame) => frame !== null)
  return { numbers, isSorted: numbers.every((frame, index) => index === 0 || frame > (numbers[index - 1] ?? 0)) }
}

describe('a page of another site that publishes over WebRTC', () => {
  it.each([['udp'], ['tcp']] as const)(
    'over %s is played with picture and sound, and ends when it says so',
    async (only) => {
      const { status, location, etag } = await publish(only, { only })
      expect([status, location, etag]).toEqual([
        201,
        expect.stringMatching(new RegExp(`^/whip/${only}/[\\w-]{20,}$`)),
        expect.stringMatching(/^"\w+"$/),
      ])
      await live(only)
      const collector = new HlsCollector(`${gateway.url}/hls/${only}.m3u8`)
      const ended = (async () => {
        await moreOf(only)
        expect(await gateway.stream(only)).toMatchObject({
          source: 'whip',
          video: { codec: 'h264', action: 'copy', width: 640, height: 360 },
          audio: { codec: 'opus', action: 'transcode' },
        })
        expect((await fetch(`${gateway.url}${location}`, { method: 'DELETE' })).status).toBe(200)
        expect(await gateway.stream(only)).toBeNull()
      })()
      const { bytes } = await collector.collectUntil(ended)
      const { errors, audioSeconds } = await decode(bytes)
      expect(errors).toBe('')
      expect(audioSeconds).toBeGreaterThan(1)
      const { numbers, isSorted } = inOrder(await readFrames(bytes))
      expect(isSorted).toBe(true)
      expect(numbers.length).toBeGreaterThan(30)
      await gateway.logged({ stream: only, msg: 'a connection over WebRTC is over' })
    },
  )

  it('sends VP8 where it has no H.264, which is transcoded', async () => {
    const { location } = await publish('vp8', { video: 'video/VP8' })
    await live('vp8')
    const collector = new HlsCollector(`${gateway.url}/hls/vp8.m3u8`)
    const ended = moreOf('vp8').then(() => fetch(`${gateway.url}${location}`, { method: 'DELETE' }))
    const { bytes } = await collector.collectUntil(ended)
    expect((await decode(bytes)).errors).toBe('')
    expect(inOrder(await readFrames(bytes)).isSorted).toBe(true)
    const epochs = gateway.log().filter(({ stream, msg }) => stream === 'vp8' && msg === 'epoch began')
    expect(epochs).toHaveLength(1)
  })

  it.each([
    ['a picture alone', 'video', { audio: { codec: 'none', action: 'silence' } }],
    ['sound alone', 'audio', { video: null, audio: { codec: 'opus' } }],
  ] as const)('sends %s', async (_, kind, status) => {
    const name = `alone-${kind}`
    const { location } = await publish(name, { kinds: [kind] })
    await live(name)
    expect(await gateway.stream(name)).toMatchObject({ source: 'whip', ...status })
    await fetch(`${gateway.url}${location}`, { method: 'DELETE' })
  })

  it('goes on in the same broadcast when it has closed its connection and comes again', async () => {
    await publish('back')
    await live('back')
    const id = (await gateway.stream('back'))?.id
    await closePeer(page)
    await until('it is waited for', async () => (await gateway.stream('back'))?.state === 'waiting')
    const { status, location } = await publish('back')
    expect(status).toBe(201)
    await until('it is in the next epoch', async () => (await gateway.stream('back'))?.epoch === 1)
    await live('back')
    expect((await gateway.stream('back'))?.id).toBe(id)
    await fetch(`${gateway.url}${location}`, { method: 'DELETE' })
  })

  it('is waited for where it goes without a word, and its name is free afterwards', async () => {
    await publish('gone')
    await live('gone')
    await closePeer(page)
    await until('it is over', async () => (await gateway.stream('gone')) === null)
    await gateway.logged({ stream: 'gone', msg: 'publisher did not come back' })
  })

  it('does not get the name of somebody who is live', async () => {
    const { location } = await publish('mine')
    await live('mine')
    const other = await context.newPage()
    await other.goto(`${gateway.url}/healthz`)
    const { status, body } = await publishFromPage(other, { url: `${gateway.url}/whip/mine` })
    expect([status, JSON.parse(body)]).toMatchObject([409, { error: { code: 'name_taken' } }])
    expect((await gateway.stream('mine'))?.state).toBe('live')
    await fetch(`${gateway.url}${location}`, { method: 'DELETE' })
  })

  it('goes on when it comes from elsewhere (RFC 9725, section 4.3.3)', async () => {
    const { location } = await publish('moves')
    await live('moves')
    expect(await restartIce(page, `${gateway.url}${location}`)).toBe(200)
    await moreOf('moves')
    expect((await gateway.stream('moves'))?.epoch).toBe(0)
    await fetch(`${gateway.url}${location}`, { method: 'DELETE' })
  })

  it('is told when the operator stops it', async () => {
    const { location } = await publish('stopped')
    await live('stopped')
    const url = `${gateway.url}/api/streams/stopped/stop`
    expect((await fetch(url, { method: 'POST', headers: ADMIN, body: '{}' })).ok).toBe(true)
    await page.waitForFunction(() => {
      const { whip } = window as unknown as { whip: RTCPeerConnection }
      return (
        whip.connectionState === 'failed' ||
        whip.connectionState === 'closed' ||
        whip.connectionState === 'disconnected'
      )
    })
    expect((await fetch(`${gateway.url}${location}`, { method: 'DELETE' })).status).toBe(404)
  })
})

describe('a network that loses, delays and repeats packets', () => {
  it.each([
    [1, 0.01],
    [2, 0.05],
    [3, 0.2],
  ])('%i: breaks no picture where it does so to %f of them', async (seed, share) => {
    const relay = await startUdpRelay(webrtcPort)
    // The same at each run: a linear congruence.
    let state = seed
    const chance = () => {
      state = (state * 1_103_515_245 + 12_345) % 2 ** 31
      return state / 2 ** 31
    }
    const name = `lossy-${seed}`
    const { location } = await publish(name, { only: 'udp', port: relay.port })
    await live(name)
    const fates: Fate[] = ['drop', 'late', 'twice']
    // Media alone: what is lost of a handshake is sent again a second later.
    relay.fate = ([first = 0]) =>
      first >= 128 && chance() < share ? (fates[Math.floor(chance() * 3)] ?? 'drop') : 'pass'
    const collector = new HlsCollector(`${gateway.url}/hls/${name}.m3u8`)
    let advice: string | null = null
    const ended = (async () => {
      await moreOf(name, 400_000)
      advice = (await gateway.stream(name))?.advice ?? null
      await fetch(`${gateway.url}${location}`, { method: 'DELETE' })
    })()
    const { bytes } = await collector.collectUntil(ended)
    relay.close()
    expect((await decode(bytes)).errors).toBe('')
    const { numbers, isSorted } = inOrder(await readFrames(bytes))
    expect(isSorted).toBe(true)
    expect(numbers.length).toBeGreaterThan(20)
    await gateway.logged({ stream: name, msg: 'a connection over WebRTC is over' })
    const line = gateway.log().find(({ stream, msg }) => stream === name && msg === 'a connection over WebRTC is over')
    const { video } = line as unknown as { video: { asked: number; recovered: number; framesLeftOut: number } }
    // It is told while it happens; where all came again in time, there is nothing to tell.
    if (advice !== null) expect(advice).toMatch(/^Packets are lost on their way here/)
    expect(video.recovered).toBeGreaterThan(0)
    expect(video.recovered).toBeLessThanOrEqual(video.asked)
  })
})
