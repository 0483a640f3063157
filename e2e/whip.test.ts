import type { Browser, BrowserContext, Page } from 'playwright'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { FAKE_CAMERA, startBrowser } from './support/browser.ts'
import { writeClockVideo } from './support/clock.ts'
import { readFrames, withoutRepeats } from './support/clock-reader.ts'
import { startGateway, type TestGateway } from './support/gateway.ts'
import { HlsCollector } from './support/hls.ts'
import { decode } from './support/media.ts'
import { freePort, temporaryDirectory } from './support/resources.ts'
import { until } from './support/wait.ts'
import { closePeer, publishFromPage, type WhipPageOptions } from './support/whip-page.ts'

let browser: Browser
let gateway: TestGateway
let directory: Awaited<ReturnType<typeof temporaryDirectory>>
let context: BrowserContext
let page: Page
beforeAll(async () => {
  directory = await temporaryDirectory()
  const camera = `${directory.path}/clock.mjpeg`
  await writeClockVideo(camera, 640, 360, 1500)
  browser = await startBrowser([...FAKE_CAMERA, `--use-file-for-fake-video-capture=${camera}`])
  gateway = await startGateway(['--rtmp', 'nginx', '--webrtc-port', `${await freePort()}`, '--resume-seconds', '5'])
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
})
