import type { Browser, BrowserContext, Page } from 'playwright'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { FAKE_CAMERA, keepRecordings, recordedFrames, startBrowser, withoutH264 } from './support/browser.ts'
import { writeClockVideo } from './support/clock.ts'
import { readFrames, withoutRepeats } from './support/clock-reader.ts'
import { descendantsOf, ingestFfmpegs, signal, startGateway, type TestGateway } from './support/gateway.ts'
import { HlsCollector } from './support/hls.ts'
import { decode } from './support/media.ts'
import { startProxy, type TestProxy } from './support/proxy.ts'
import { temporaryDirectory } from './support/resources.ts'
import { until } from './support/wait.ts'

/** Short, so that a page that was away for too long need not be away for long. */
const RESUME_SECONDS = 15

let browser: Browser
let gateway: TestGateway
let proxy: TestProxy
let directory: Awaited<ReturnType<typeof temporaryDirectory>>
let context: BrowserContext
let page: Page
beforeAll(async () => {
  directory = await temporaryDirectory()
  const camera = `${directory.path}/clock.mjpeg`
  await writeClockVideo(camera, 640, 360, 2000)
  browser = await startBrowser([...FAKE_CAMERA, `--use-file-for-fake-video-capture=${camera}`])
  gateway = await startGateway(['--rtmp', 'nginx', '--resume-seconds', `${RESUME_SECONDS}`])
  proxy = await startProxy(gateway.port)
})
afterAll(async () => {
  await browser.close()
  await proxy.close()
  await gateway.stop()
  await directory.remove()
})
beforeEach(async () => {
  context = await browser.newContext()
  await keepRecordings(context)
  page = await context.newPage()
})
afterEach(() => context.close())

async function goLive(stream: string): Promise<HlsCollector> {
  await page.goto(`http://127.0.0.1:${proxy.port}`)
  await page.getByLabel('Stream name').fill(stream)
  await page.getByRole('button', { name: 'Broadcast' }).click()
  await isLive()
  await until('media', async () => ((await gateway.stream(stream))?.bytesIn ?? 0) > 100_000)
  return new HlsCollector(`${gateway.url}/hls/${stream}.m3u8`)
}

const isLive = () => page.getByText('LIVE', { exact: true }).waitFor()
const isInState = (stream: string, state: 'live' | 'waiting') =>
  until(`${stream} is ${state}`, async () => (await gateway.stream(stream))?.state === state)

async function stop(): Promise<void> {
  await page.getByRole('button', { name: 'Stop' }).click()
  await page.getByText('The broadcast has ended').waitFor()
}

/** Stops all processes of the browser, as a sleeping computer does, or lets them go on. */
async function sleep(asleep: boolean): Promise<void> {
  for (const [pid, name] of await descendantsOf(process.pid)) {
    if (name.startsWith('chrom')) signal(pid, asleep ? 'SIGSTOP' : 'SIGCONT')
  }
}

/** Expects that all frames that the page recorded are in its HLS, once each and in order. */
async function expectEveryFrame(bytes: Buffer): Promise<void> {
  const recorded = await recordedFrames(page)
  expect(recorded.length).toBeGreaterThan(30)
  expect(await readFrames(bytes)).toEqual(recorded)
  expect((await decode(bytes)).errors).toBe('')
}

describe('a page that broadcasts', () => {
  it('goes on with every frame when its network goes away and comes back', async () => {
    const collector = await goLive('offline')
    const happened = (async () => {
      await context.setOffline(true)
      proxy.cut()
      await page.getByText('RECONNECTING').waitFor()
      await isInState('offline', 'waiting')
      await context.setOffline(false)
      await isLive()
      await isInState('offline', 'live')
      await stop()
    })()
    await expectEveryFrame((await collector.collectUntil(happened)).bytes)
  })

  it('goes on with every frame while it is not seen, when its timers hardly run', async () => {
    const collector = await goLive('hidden')
    // Chromium runs the timers of a page that was long hidden once a minute.
    await page.evaluate(() => {
      const rare = (original: (action: TimerHandler, ms?: number) => number) => (action: TimerHandler, ms?: number) =>
        original(action, Math.max(ms ?? 0, 60_000))
      Object.assign(window, { setTimeout: rare(window.setTimeout), setInterval: rare(window.setInterval) })
    })
    const happened = (async () => {
      proxy.refuse = true
      proxy.cut()
      await isInState('hidden', 'waiting')
      proxy.refuse = false
      await isInState('hidden', 'live')
      await stop()
    })()
    await expectEveryFrame((await collector.collectUntil(happened)).bytes)
  })

  it('resumes after a short sleep', async () => {
    const collector = await goLive('nap')
    const happened = (async () => {
      await sleep(true)
      // The server finds out by its pings.
      await isInState('nap', 'waiting').finally(() => sleep(false))
      await isInState('nap', 'live')
      await isLive()
      await stop()
    })()
    const { bytes } = await collector.collectUntil(happened)
    await expectEveryFrame(bytes)
  })

  it('says after a long sleep that the broadcast has ended, and begins again after a click, not by itself', async () => {
    await goLive('night')
    await sleep(true)
    await until('the server has ended it', async () => (await gateway.stream('night')) === null).finally(() =>
      sleep(false),
    )
    // How soon it finds out depends on what of its own clock went on.
    await page.getByText('The broadcast has ended: this page could not reach the server').waitFor({ timeout: 120_000 })
    expect(await gateway.stream('night')).toBeNull()
    await page.getByRole('button', { name: 'Broadcast' }).click()
    await isInState('night', 'live')
    await stop()
  })

  it('loses one piece alone, and repeats nothing, when the FFmpeg that transcodes it is killed', async () => {
    await page.addInitScript(withoutH264)
    const collector = await goLive('transcoded')
    const happened = (async () => {
      const pid = await until('an FFmpeg transcodes it', async () => (await ingestFfmpegs(gateway))[0])
      process.kill(pid, 'SIGKILL')
      await until('the next epoch', async () => (await gateway.stream('transcoded'))?.epoch === 1)
      const bytes = (await gateway.stream('transcoded'))?.bytesIn ?? 0
      await until('media of it', async () => ((await gateway.stream('transcoded'))?.bytesIn ?? 0) > bytes + 50_000)
      await stop()
    })()
    const { bytes } = await collector.collectUntil(happened)
    const seen = withoutRepeats(await readFrames(bytes))
    const recorded = withoutRepeats(await recordedFrames(page))
    expect(seen).toEqual(recorded.filter((number) => seen.includes(number)))
    // How long that is hangs on how far behind the transcoder was: what counts is that the rest is whole.
    const lost = recorded.flatMap((number, index) => (seen.includes(number) ? [] : [index]))
    expect(lost).toEqual(lost.map((_, index) => (lost[0] ?? 0) + index))
    expect(seen).toContain(recorded.at(-1))
  })
})
