import type { Browser, Page } from 'playwright'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventsOf } from './support/archive.ts'
import { startBrowser } from './support/browser.ts'
import { startGateway, startLoop, type TestGateway } from './support/gateway.ts'
import { ingestUrl, TestSocket } from './support/publisher.ts'
import { freePort } from './support/resources.ts'
import { ADMIN, ADMIN_KEY, WITH_KEY } from './support/tokens.ts'
import { until } from './support/wait.ts'

// The page is opened at another address than the public one, as through a tunnel.
const PUBLIC = ['--public-url', 'https://live.example.org']
const OPTIONS = ['--rtmp', 'embedded', '--target-hosts', '127.0.0.0/8', '--disk-floor', '1MB', ...PUBLIC]

describe('the dashboard', () => {
  let gateway: TestGateway
  let browser: Browser
  let page: Page
  const problems: string[] = []
  beforeAll(async () => {
    gateway = await startGateway(OPTIONS, WITH_KEY)
    browser = await startBrowser([])
    page = await browser.newPage()
    page.on('pageerror', ({ message }) => problems.push(message))
    page.on('dialog', (dialog) => void dialog.accept())
    await page.goto(`${gateway.url}/admin`)
  })
  afterAll(async () => {
    await browser.close()
    await gateway.stop()
  })

  const card = (name: string) => page.getByRole('article', { name })

  it('opens with the admin key alone', async () => {
    await page.getByLabel('Admin key').fill('guess')
    await page.getByRole('button', { name: 'Open the dashboard' }).click()
    await page.getByText('This needs the admin key').waitFor()
    await page.getByLabel('Admin key').fill(ADMIN_KEY)
    await page.getByRole('button', { name: 'Open the dashboard' }).click()
    await page.getByText('All is well.').waitFor()
    await page.getByText('Nobody is broadcasting.').waitFor()
  })

  it('shows what is live, with a picture, its plots and its processes', async () => {
    const loop = await startLoop(gateway, 'cam')
    await card('cam').getByText('LIVE').waitFor()
    const width = () =>
      card('cam')
        .locator('img')
        .evaluate((image: HTMLImageElement) => image.naturalWidth)
    await until('the picture is there', async () => (await width()) === 320)
    const points = () => card('cam').getByLabel('Bitrate of cam').locator('polyline').getAttribute('points')
    await until('the plot has a few seconds', async () => ((await points()) ?? '').split(' ').length > 3)
    await page.getByRole('row', { name: /reads the recording .* cam/ }).waitFor()
    await page.getByText('"cam" is live.').waitFor()
    await loop.stop()
    await card('cam').waitFor({ state: 'detached' })
  })

  it('has what is wrong at the top, in words, and lets it be mended', async () => {
    const loop = await startLoop(gateway, 'failing')
    const port = await freePort()
    const body = JSON.stringify({ name: 'Backup', url: `rtmp://127.0.0.1:${port}/live`, key: 'a-secret-key' })
    const answer = await fetch(`${gateway.url}/api/streams/failing/targets`, { method: 'POST', headers: ADMIN, body })
    expect(answer.status).toBe(201)
    const words = `"failing" does not reach Backup: 127.0.0.1 refused the connection (port ${port}). It is tried again.`
    await page.locator('.worst').getByText(words).waitFor()
    await card('failing').getByRole('button', { name: 'Remove: Backup' }).click()
    await page.getByText('All is well.').waitFor()
    expect(await page.content()).not.toContain('a-secret-key')
    await loop.stop()
  })

  it('records, ends and deletes', async () => {
    const { push } = await startLoop(gateway, 'ending')
    await card('ending').getByRole('button', { name: 'Record', exact: true }).click()
    await card('ending').getByRole('button', { name: 'Stop recording' }).waitFor()
    await card('ending').getByRole('button', { name: 'End broadcast' }).click()
    expect(await push.exited).not.toBe(0)
    expect(push.output().stderr).toContain('operator')
    const remove = page.getByRole('button', { name: 'Delete the recording of ending' })
    await remove.click()
    await page.getByText('Nothing has been recorded.').waitFor()
  })

  it('says that the gateway is gone, and goes on by itself when it is back', async () => {
    await gateway.restart()
    // It was away in between; whether that was seen depends on how long it took.
    const socket = await new TestSocket(ingestUrl(gateway, 'after')).opened()
    socket.send({ type: 'hello', session: null })
    await socket.message('welcome')
    await card('after').getByText('WAITING').waitFor()
    await page.getByText('"after" waits for its broadcaster.').waitFor()
    socket.send({ type: 'end' })
    await socket.closed
    await page.getByText('All is well.').waitFor()
    expect(await eventsOf(gateway, 'after')).toEqual([])
    expect(problems).toEqual([])
  })
})
