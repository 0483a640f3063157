import { expect, it } from 'vitest'
import { FAKE_CAMERA, startBrowser } from './support/browser.ts'
import { startGateway } from './support/gateway.ts'
import { startDocumentedNginx } from './support/nginx.ts'
import { freePort } from './support/resources.ts'

it('below a path of a site, behind nginx, every page works and every link leads to it', async ({ onTestFinished }) => {
  const port = await freePort()
  const site = `http://localhost:${port}/castgate`
  const gateway = await startGateway(['--rtmp', 'embedded', '--public-url', site])
  onTestFinished(() => gateway.stop())
  const nginx = await startDocumentedNginx('nginx-subpath.conf', (directory) => ({
    'listen 80;': `listen 127.0.0.1:${port};`,
    'server_name live.example.org;': 'server_name localhost;',
    '/var/log/nginx/castgate.log': `${directory}/access.log`,
    'http://127.0.0.1:8080/': `http://127.0.0.1:${gateway.port}/`,
  }))
  onTestFinished(() => nginx.close())
  const browser = await startBrowser(FAKE_CAMERA)
  onTestFinished(() => browser.close())
  const context = await browser.newContext()
  const failed: string[] = []
  context.on('response', (response) => {
    if (response.status() >= 400) failed.push(`${response.status()} ${response.url()}`)
  })

  const studio = await context.newPage()
  await studio.goto(`${site}/?stream=below`)
  await studio.getByRole('button', { name: 'Broadcast' }).click()
  await studio.getByText('LIVE', { exact: true }).waitFor()
  const links = await studio
    .locator('castgate-link[url]')
    .evaluateAll((all) => all.map((each) => each.getAttribute('url')))
  expect(links).toEqual([`${site}/watch/below`, `${site}/hls/below.m3u8`, `${site}/live/below.flv`])

  for (const path of ['watch/below', 'embed/player/below']) {
    const viewer = await context.newPage()
    await viewer.goto(`${site}/${path}`)
    const time = () => viewer.locator('video').evaluate((video: HTMLVideoElement) => video.currentTime)
    await expect.poll(time, { timeout: 30_000 }).toBeGreaterThan(1)
    await viewer.close()
  }
  const dashboard = await context.newPage()
  await dashboard.goto(`${site}/admin`)
  await dashboard.getByRole('heading', { name: 'Castgate' }).waitFor()
  const widget = await context.newPage()
  await widget.goto(`${site}/embed/broadcast/other`)
  await widget.getByRole('button', { name: 'Broadcast' }).waitFor()

  await studio.getByRole('button', { name: 'Stop' }).click()
  await studio.getByText('The broadcast has ended').waitFor()
  // A playlist that is not there yet is asked for again.
  expect(failed.filter((line) => !line.includes('/hls/'))).toEqual([])
})
