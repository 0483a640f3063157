import type { Browser, Page } from 'playwright'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { FAKE_CAMERA, startBrowser, withoutH264 } from './support/browser.ts'
import { startGateway, type TestGateway } from './support/gateway.ts'
import { ingestUrl, TestSocket } from './support/publisher.ts'
import { until } from './support/wait.ts'

let gateway: TestGateway
let browser: Browser | null = null
beforeEach(async () => {
  gateway ??= await startGateway(['--rtmp', 'embedded', '--resume-seconds', '1'])
})
afterEach(async () => {
  await browser?.close()
  browser = null
})
afterAll(() => gateway.stop())

async function studio(flags: string[], url = gateway.url): Promise<Page> {
  browser = await startBrowser(flags)
  const page = await browser.newPage()
  await page.goto(url)
  return page
}

const press = (page: Page) => page.getByRole('button', { name: 'Broadcast' }).click()
const problem = (page: Page) => page.getByRole('alert').locator('p').innerText()

describe('the studio says in words what is wrong, and what to do', () => {
  it('when the camera is not allowed', async () => {
    const page = await studio(['--use-fake-device-for-media-stream', '--deny-permission-prompts'])
    await press(page)
    expect(await problem(page)).toMatch(/not allowed to use the camera or microphone\. Allow it/)
  })

  it('when there is no camera', async () => {
    const page = await studio(['--use-fake-ui-for-media-stream', '--use-fake-device-for-media-stream=device-count=0'])
    await press(page)
    expect(await problem(page)).toMatch(/No camera was found\. Connect one/)
  })

  it('when the page is not secure', async () => {
    const flags = [...FAKE_CAMERA, '--host-resolver-rules=MAP gateway.test 127.0.0.1']
    const page = await studio(flags, `http://gateway.test:${gateway.port}`)
    await press(page)
    expect(await problem(page)).toMatch(/secure pages only\. Open this page over https/)
  })

  it('when the name is taken', async () => {
    const other = await new TestSocket(ingestUrl(gateway, 'taken')).opened()
    other.send({ type: 'hello', session: null })
    await other.message('welcome')
    const page = await studio(FAKE_CAMERA)
    await page.getByLabel('Stream name').fill('taken')
    await press(page)
    expect(await problem(page)).toMatch(/already\. Choose another stream name\./)
    other.send({ type: 'end' })
    await other.closed
    await press(page)
    await page.getByText('LIVE', { exact: true }).waitFor()
  })

  it('when a name is none: the button waits', async () => {
    const page = await studio(FAKE_CAMERA)
    await page.getByLabel('Stream name').fill('not a name')
    expect(await page.getByRole('button', { name: 'Broadcast' }).isDisabled()).toBe(true)
    await page.getByText('Use 1 to 64 letters').waitFor()
  })

  it('when a file is none that the browser plays', async () => {
    const page = await studio(FAKE_CAMERA)
    await page.getByRole('radio', { name: 'File' }).check()
    await press(page)
    expect(await problem(page)).toMatch(/Choose a video file first/)
    const broken = { name: 'broken.mp4', mimeType: 'video/mp4', buffer: Buffer.from('This is no video.') }
    await page.getByLabel('Video file').setInputFiles(broken)
    expect(await problem(page)).toMatch(/cannot play "broken\.mp4"/)
  })
})

describe('the studio of a server whose processors are in use', () => {
  it('says that there is no room to convert a picture, does not try by itself, and is live when there is room', async () => {
    const busy = await startGateway(['--rtmp', 'embedded', '--max-cpu', '1'])
    browser = await startBrowser(FAKE_CAMERA)
    const open = async (name: string) => {
      const page = (await browser?.newPage()) as Page
      await page.addInitScript(withoutH264)
      await page.goto(busy.url)
      await page.getByLabel('Stream name').fill(name)
      await press(page)
      return page
    }
    const isLive = (page: Page) => page.getByText('LIVE', { exact: true }).waitFor()
    const first = await open('first')
    await isLive(first)
    const second = await open('second')
    expect(await problem(second)).toMatch(/no room to convert .* to H\.264 now\. Use a browser that records H\.264/)
    // Where it tried by itself, there would be a button to stop that.
    await second.getByRole('button', { name: 'Broadcast' }).waitFor()
    await first.getByRole('button', { name: 'Stop' }).click()
    await until('its FFmpeg is gone', async () => (await busy.stream('first')) === null)
    await press(second)
    await isLive(second)
    await second.getByRole('button', { name: 'Stop' }).click()
    await second.getByText('The broadcast has ended').waitFor()
    await busy.stop()
  })
})

describe('the studio without its server', () => {
  let own: TestGateway
  beforeAll(async () => {
    own = await startGateway(['--rtmp', 'embedded', '--resume-seconds', '1'])
  })

  it('says that it tries again while it does, and then that the server is gone', async () => {
    const page = await studio(FAKE_CAMERA, own.url)
    await page.getByLabel('Stream name').fill('alone')
    await press(page)
    await page.getByText('LIVE', { exact: true }).waitFor()
    await own.stop()
    await page.getByText('Reconnecting').waitFor()
    expect(await problem(page)).toMatch(/The server does not answer\. Check the connection/)
    await press(page)
    expect(await problem(page)).toMatch(/The server does not answer/)
  })
})
