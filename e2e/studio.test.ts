import type { Browser, BrowserContext, Page } from 'playwright'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { FAKE_CAMERA, keepRecordings, recordedFrames, startBrowser } from './support/browser.ts'
import { writeClockVideo } from './support/clock.ts'
import { readFrames } from './support/clock-reader.ts'
import { startGateway, type TestGateway } from './support/gateway.ts'
import { type Collected, HlsCollector } from './support/hls.ts'
import { decode } from './support/media.ts'
import { mediaPath, readRecording } from './support/publisher.ts'
import { temporaryDirectory } from './support/resources.ts'
import { until } from './support/wait.ts'

const WIDTH = 640
const HEIGHT = 360
/** Seconds that a broadcast of these tests lasts, by the stream's own time. */
const LIVE_SECONDS = 6

let browser: Browser
let directory: Awaited<ReturnType<typeof temporaryDirectory>>
beforeAll(async () => {
  directory = await temporaryDirectory()
  const camera = `${directory.path}/clock.mjpeg`
  await writeClockVideo(camera, WIDTH, HEIGHT, 900)
  browser = await startBrowser([
    ...FAKE_CAMERA,
    '--auto-select-tab-capture-source-by-title=Castgate studio',
    `--use-file-for-fake-video-capture=${camera}`,
  ])
})
afterAll(async () => {
  await browser.close()
  await directory.remove()
})

describe('the studio', () => {
  let gateway: TestGateway
  let context: BrowserContext
  let page: Page
  beforeAll(async () => {
    gateway = await startGateway(['--rtmp', 'nginx'])
  })
  afterAll(() => gateway.stop())
  afterEach(() => context.close())

  async function openStudio(): Promise<void> {
    context = await browser.newContext()
    await keepRecordings(context)
    page = await context.newPage()
    await page.goto(gateway.url)
  }

  /** Presses Broadcast, follows the HLS for a while, presses Stop, and gives what came out. */
  async function broadcast(stream: string): Promise<Collected> {
    await page.getByLabel('Stream name').fill(stream)
    await page.getByRole('button', { name: 'Broadcast' }).click()
    await page.getByText('LIVE', { exact: true }).waitFor()
    const collector = new HlsCollector(`${gateway.url}/hls/${stream}.m3u8`)
    return collector.collectUntil(
      (async () => {
        const ended = page.getByText('The broadcast has ended')
        // A file may be over before a busy server has shown so much of it.
        await until(
          'enough segments',
          async () => collector.durations.reduce((sum, s) => sum + s, 0) > LIVE_SECONDS || (await ended.isVisible()),
        )
        if (!(await ended.isVisible()))
          await page
            .getByRole('button', { name: 'Stop' })
            .click({ timeout: 5_000 })
            .catch(() => {})
        await ended.waitFor()
      })(),
    )
  }

  async function expectWhole({ bytes }: Collected): Promise<void> {
    const recorded = await recordedFrames(page)
    expect(recorded.length).toBeGreaterThan(LIVE_SECONDS * 10)
    expect(recorded).not.toContain(null)
    expect(await readFrames(bytes)).toEqual(recorded)
    const { errors, loudestDb, audioSeconds } = await decode(bytes)
    expect(errors).toBe('')
    expect(loudestDb).toBeGreaterThan(-40)
    expect(audioSeconds).toBeGreaterThan(LIVE_SECONDS - 1)
  }

  it('broadcasts a camera: every frame that was recorded comes out once, in order, with sound', async () => {
    await openStudio()
    const collected = await broadcast('camera')
    await expectWhole(collected)
    expect(await gateway.stream('camera')).toBeNull()
  })

  it('broadcasts a screen, or here a tab', async () => {
    await openStudio()
    await page.getByText('Screen', { exact: true }).click()
    const collected = await broadcast('screen')
    const { errors } = await decode(collected.bytes)
    expect(errors).toBe('')
  })

  it('takes a file that is dropped on the preview', async () => {
    await openStudio()
    const { bytes } = await readRecording('chrome-vp8.webm')
    const dropped = await page.evaluateHandle((base64) => {
      const data = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))
      const transfer = new DataTransfer()
      transfer.items.add(new File([data], 'dropped.webm', { type: 'video/webm' }))
      return transfer
    }, bytes.toString('base64'))
    await page.locator('.preview').dispatchEvent('drop', { dataTransfer: dropped })
    await page.locator('video').waitFor()
    expect(await page.getByRole('radio', { name: 'File' }).isChecked()).toBe(true)
  })

  it('broadcasts a file from the disk in the same way', async () => {
    await openStudio()
    await page.getByText('File', { exact: true }).click()
    await page.getByLabel('Video file').setInputFiles(mediaPath('chrome-h264.webm'))
    await page.locator('video').waitFor()
    const collected = await broadcast('file')
    await expectWhole(collected)
  })
})
