import type { Browser, BrowserContext, Page } from 'playwright'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { FAKE_CAMERA, keepRecordings, recordedFrames, startBrowser } from './support/browser.ts'
import { writeClockVideo } from './support/clock.ts'
import { readFrames } from './support/clock-reader.ts'
import { startGateway, type TestGateway } from './support/gateway.ts'
import { HlsCollector } from './support/hls.ts'
import { decode } from './support/media.ts'
import { mediaPath } from './support/publisher.ts'
import { temporaryDirectory } from './support/resources.ts'
import { until } from './support/wait.ts'

let browser: Browser
let gateway: TestGateway
let directory: Awaited<ReturnType<typeof temporaryDirectory>>
let context: BrowserContext
let page: Page
beforeAll(async () => {
  directory = await temporaryDirectory()
  const camera = `${directory.path}/clock.mjpeg`
  await writeClockVideo(camera, 640, 360, 1500)
  const tab = '--auto-select-tab-capture-source-by-title=Castgate studio'
  const cameras = [...FAKE_CAMERA, '--use-fake-device-for-media-stream=device-count=2']
  browser = await startBrowser([...cameras, `--use-file-for-fake-video-capture=${camera}`, tab])
  gateway = await startGateway(['--rtmp', 'nginx'])
})
afterAll(async () => {
  await browser.close()
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
  await page.goto(gateway.url)
  await page.getByLabel('Stream name').fill(stream)
  await page.getByRole('button', { name: 'Broadcast' }).click()
  await page.getByText('LIVE', { exact: true }).waitFor()
  return new HlsCollector(`${gateway.url}/hls/${stream}.m3u8`)
}

async function stop(): Promise<void> {
  await page.getByRole('button', { name: 'Stop' }).click()
  await page.getByText('The broadcast has ended').waitFor()
}

/** Resolves when the stream is in this epoch, and some media of it is on the bus. */
async function inEpoch(stream: string, epoch: number): Promise<void> {
  const bytes = await until(`epoch ${epoch}`, async () => {
    const status = await gateway.stream(stream)
    return status?.epoch === epoch ? status.bytesIn : null
  })
  await moreOf(stream, bytes)
}

/** Resolves when the gateway has more of it than before. */
async function moreOf(stream: string, before?: number): Promise<void> {
  const bytesIn = async () => (await gateway.stream(stream))?.bytesIn ?? 0
  const bytes = before ?? (await bytesIn())
  await until('more media', async () => (await bytesIn()) > bytes + 50_000)
}

const epochs = (stream: string) =>
  gateway.log().filter((line) => line.stream === stream && line.msg === 'epoch began').length

const publications = (stream: string) =>
  gateway.log().filter((line) => line.stream === stream && line.msg === 'target is live')

describe('a broadcast that changes while it is live', () => {
  it('goes on in another quality, as one publication, with every frame once and in order', async () => {
    const collector = await goLive('quality')
    const changed = (async () => {
      await inEpoch('quality', 0)
      await page.getByLabel('Quality').selectOption('360p')
      await inEpoch('quality', 1)
      await page.getByLabel('Quality').selectOption('540p')
      await inEpoch('quality', 2)
      await stop()
    })()
    const { bytes } = await collector.collectUntil(changed)
    const recorded = await recordedFrames(page)
    expect(await readFrames(bytes)).toEqual(recorded)
    expect((await decode(bytes)).errors).toBe('')
    expect(publications('quality')).toHaveLength(1)
  })

  it('goes on with another camera and another microphone in the same recording, with every frame once and in order', async () => {
    const collector = await goLive('cameras')
    const changed = (async () => {
      await inEpoch('cameras', 0)
      await page.getByLabel('Camera', { exact: true }).last().selectOption({ index: 2 })
      await moreOf('cameras')
      await page.getByLabel('Microphone', { exact: true }).selectOption({ index: 2 })
      await moreOf('cameras')
      await stop()
    })()
    const { bytes } = await collector.collectUntil(changed)
    expect(await readFrames(bytes)).toEqual(await recordedFrames(page))
    expect(epochs('cameras')).toBe(1)
  })

  it('goes from the camera to a screen, back, and on to a file in the same recording', async () => {
    const collector = await goLive('sources')
    const changed = (async () => {
      await inEpoch('sources', 0)
      await page.getByText('Screen', { exact: true }).click()
      await moreOf('sources')
      await page.getByText('Camera', { exact: true }).first().click()
      await moreOf('sources')
      await page.getByText('File', { exact: true }).click()
      await page.getByLabel('Video file').setInputFiles(mediaPath('chrome-h264.webm'))
      await moreOf('sources')
      await page.getByText('LIVE', { exact: true }).waitFor()
      await stop()
    })()
    const { bytes } = await collector.collectUntil(changed)
    expect((await decode(bytes)).errors).toBe('')
    expect([epochs('sources'), publications('sources').length]).toEqual([1, 1])
  })

  it('has a picture for HLS, too, where it began as sound alone', async () => {
    await page.goto(gateway.url)
    await page.getByLabel('Stream name').fill('picture-later')
    await page.getByLabel('Camera', { exact: true }).last().selectOption('none')
    await page.getByRole('button', { name: 'Broadcast' }).click()
    await page.getByText('Sound only').waitFor()
    await page.getByText('LIVE', { exact: true }).waitFor()
    const before = new HlsCollector(`${gateway.url}/hls/picture-later.m3u8`)
    await until('HLS of it', async () => (await before.poll()) && before.durations.length > 1)
    expect((await gateway.stream('picture-later'))?.video).toBeNull()
    await page.getByLabel('Camera', { exact: true }).last().selectOption({ index: 0 })
    await until('there is a picture', async () => (await gateway.stream('picture-later'))?.video?.height === 360)
    const after = new HlsCollector(`${gateway.url}/hls/picture-later.m3u8`)
    const collecting = (async () => {
      const seen = new HlsCollector(`${gateway.url}/hls/picture-later.m3u8`)
      await until('HLS with it', async () => (await seen.poll()) && seen.durations.length > 5, 500)
      await stop()
    })()
    const { segments } = await after.collectUntil(collecting)
    const last = Buffer.concat(segments.slice(-2))
    const { errors, audioSeconds } = await decode(last)
    expect([errors, (await readFrames(last)).length > 20, audioSeconds > 0.5]).toEqual(['', true, true])
  })

  it('falls silent when it is muted, without a new epoch', async () => {
    const collector = await goLive('muted')
    const muted = (async () => {
      await page.getByRole('button', { name: 'Mute' }).click()
      await until('some seconds', () => collector.durations.reduce((sum, seconds) => sum + seconds, 0) > 5)
      await stop()
    })()
    const { segments } = await collector.collectUntil(muted)
    const { loudestDb, errors } = await decode(Buffer.concat(segments.slice(-2)))
    expect(errors).toBe('')
    expect(loudestDb).toBeLessThan(-60)
    expect(epochs('muted')).toBe(1)
  })
})

describe('a broadcast whose page is reloaded', () => {
  it('goes on by itself where the camera is allowed, as the same session and publication', async () => {
    await context.grantPermissions(['camera', 'microphone'])
    const collector = await goLive('reloaded')
    const reloaded = (async () => {
      await inEpoch('reloaded', 0)
      await page.reload()
      await inEpoch('reloaded', 1)
      await page.getByText('LIVE', { exact: true }).waitFor()
      await stop()
    })()
    const { bytes } = await collector.collectUntil(reloaded)
    expect((await decode(bytes)).errors).toBe('')
    expect(publications('reloaded')).toHaveLength(1)
    await gateway.logged({ stream: 'reloaded', msg: 'publisher is back' })
  })

  it('waits for a click otherwise, and begins anew where the server has ended it meanwhile', async () => {
    // As in a browser that does not tell whether the camera is allowed.
    await page.addInitScript(() =>
      Object.assign(navigator.permissions, { query: () => Promise.reject(new TypeError()) }),
    )
    await goLive('clicked')
    await inEpoch('clicked', 0)
    await page.reload()
    await page.getByText('is waiting for you. Press Broadcast to go on.').waitFor()
    await gateway.restart()
    await page.getByRole('button', { name: 'Broadcast' }).click()
    await inEpoch('clicked', 0)
    await stop()
  })
})

describe('a broadcast whose server is started anew', () => {
  it('goes on by itself as a new session under the same name', async () => {
    await goLive('again')
    await inEpoch('again', 0)
    await gateway.restart()
    await until('it is live again', async () => (await gateway.stream('again'))?.state === 'live')
    await inEpoch('again', 0)
    await page.getByText('LIVE', { exact: true }).waitFor()
    await stop()
  })
})
