import type { Browser, Page } from 'playwright'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startBrowser } from './support/browser.ts'
import { startGateway, type TestGateway } from './support/gateway.ts'
import { ingestUrl, publish, readRecording } from './support/publisher.ts'

let browser: Browser
beforeAll(async () => {
  browser = await startBrowser(['--autoplay-policy=no-user-gesture-required'])
})
afterAll(() => browser.close())

/** Resolves when the page's video has played up to `seconds`, and gives what it shows. */
function playedTo(page: Page, seconds: number): Promise<{ width: number; error: string | null }> {
  return page.locator('video').evaluate(
    (video: HTMLVideoElement, end) =>
      new Promise<{ width: number; error: string | null }>((resolve) => {
        const look = () => {
          if (video.currentTime < end && !video.error) return
          video.removeEventListener('timeupdate', look)
          resolve({ width: video.videoWidth, error: video.error?.message ?? null })
        }
        video.addEventListener('timeupdate', look)
        video.addEventListener('error', look)
        look()
      }),
    seconds,
  )
}

describe('the watch page', () => {
  let gateway: TestGateway
  beforeAll(async () => {
    gateway = await startGateway(['--rtmp', 'embedded'])
  })
  afterAll(() => gateway.stop())

  it('waits for a stream, plays it when it begins, says when it is over, and plays it when it comes back', async () => {
    const page = await browser.newPage()
    const errors: string[] = []
    page.on('pageerror', (error) => errors.push(error.message))
    await page.goto(`${gateway.url}/watch/later`)
    await page.getByText('Waiting for the broadcast').waitFor()
    const whole = await readRecording('chrome-h264.webm')
    const recording = { ...whole, blobs: whole.blobs.slice(0, 30) }
    for (let round = 0; round < 2; round++) {
      const published = publish(ingestUrl(gateway, 'later'), recording)
      await page.getByText('Live now').waitFor()
      expect(await playedTo(page, 3)).toEqual({ width: 1280, error: null })
      await published
      await page.getByText('The broadcast has ended').waitFor()
    }
    expect(errors).toEqual([])
    await page.close()
  })
})
