import axe from 'axe-core'
import type { Browser, BrowserContext, Page } from 'playwright'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { FAKE_CAMERA, startBrowser } from './support/browser.ts'
import { keepTracks, unplug } from './support/devices.ts'
import { startGateway, startLoop, type TestGateway } from './support/gateway.ts'
import { mediaPath } from './support/publisher.ts'
import { type Site, startSite } from './support/site.ts'
import { ADMIN, ADMIN_KEY } from './support/tokens.ts'
import { until } from './support/wait.ts'

let browser: Browser
let gateway: TestGateway
let site: Site
beforeAll(async () => {
  browser = await startBrowser([...FAKE_CAMERA, '--autoplay-policy=no-user-gesture-required'])
  const options = ['--publisher-targets', '--record', '--disk-floor', '1MB']
  gateway = await startGateway(['--rtmp', 'embedded', '--origin', '*', ...options], { CASTGATE_ADMIN_KEY: ADMIN_KEY })
  site = await startSite(
    () => `<!doctype html><html lang="en"><title>A site</title><meta name="viewport" content="width=device-width">
      <meta name="color-scheme" content="light dark">
      <script type="module" src="${gateway.url}/castgate.js"></script>
      <main><h1>A site</h1><castgate-broadcast stream="site"></castgate-broadcast>
      <castgate-player stream="site"></castgate-player></main></html>`,
  )
})
afterAll(async () => {
  site.close()
  await browser.close()
  await gateway.stop()
})

/** How the pages look to different people. */
const LOOKS = [
  { colorScheme: 'light', width: 1200, height: 900 },
  { colorScheme: 'dark', width: 1200, height: 900 },
  { colorScheme: 'light', width: 390, height: 844 },
  { colorScheme: 'dark', width: 390, height: 844 },
] as const

/** What axe-core finds on a page, however it looks, in words: rule, and the elements. */
async function findings(page: Page): Promise<string[]> {
  // The pages' own policy lets no script in; this comes from the debugger.
  await page.evaluate(axe.source)
  const found: string[] = []
  for (const { colorScheme, width, height } of LOOKS) {
    await page.emulateMedia({ colorScheme })
    await page.setViewportSize({ width, height })
    const { violations } = await page.evaluate(() => (window as unknown as { axe: typeof axe }).axe.run(document))
    for (const { id, impact, nodes } of violations) {
      found.push(`${colorScheme} ${width}: ${impact} ${id}: ${nodes.map(({ html }) => html).join(' ')}`)
    }
  }
  return found
}

describe('axe-core finds nothing, in the light and the dark, on a desktop and a phone,', () => {
  let context: BrowserContext
  let page: Page
  beforeAll(async () => {
    // What fades has less contrast on its way: it is looked at before and behind.
    context = await browser.newContext({ reducedMotion: 'reduce' })
    await context.addInitScript(keepTracks)
    page = await context.newPage()
  })
  afterAll(() => context.close())

  it('in the studio, before, during and after a broadcast', async () => {
    await page.goto(gateway.url)
    await page.getByRole('button', { name: 'Broadcast' }).waitFor()
    expect(await findings(page)).toEqual([])
    await page.getByLabel('Stream name').fill('not a name')
    expect(await findings(page)).toEqual([])
    await page.getByLabel('Stream name').fill('stream')
    await page.getByRole('button', { name: 'Broadcast' }).click()
    await page.getByRole('timer').waitFor()
    expect(await findings(page)).toEqual([])
    await page.getByText('LIVE', { exact: true }).waitFor()
    await page.getByText('H.264, copied').waitFor()
    await page.getByText('Embed in a page of yours').click()
    await page.getByText('Add a target').click()
    expect(await findings(page)).toEqual([])
    await unplug(page, 'video')
    await page.getByText('Camera off').waitFor()
    expect(await findings(page)).toEqual([])
    await page.getByRole('button', { name: 'Stop' }).click()
    await page.getByText('The broadcast has ended').waitFor()
    expect(await findings(page)).toEqual([])
  })

  it('on the watch page and in the frames, before a broadcast', async () => {
    for (const path of ['/watch/nobody', '/embed/player/nobody', '/embed/broadcast/nobody']) {
      await page.goto(gateway.url + path)
      await page.getByText(/Waiting for the broadcast|Turn on camera/).waitFor()
      expect([path, await findings(page)]).toEqual([path, []])
    }
  })

  it('in a player that waits for a press, and in one that has sound alone', async () => {
    await page.goto(`${gateway.url}/embed/player/nobody?autoplay=false`)
    await page.getByRole('button', { name: 'Watch' }).waitFor()
    expect(await findings(page)).toEqual([])
    const loop = await startLoop(gateway, 'sound', mediaPath('chrome-audio-only.webm'))
    await page.goto(`${gateway.url}/watch/sound`)
    await page.getByText('Sound only').waitFor()
    expect(await findings(page)).toEqual([])
    await loop.stop()
  })

  it('in the dashboard, before the key, and with a broadcast, recordings and a fault', async () => {
    await page.goto(`${gateway.url}/admin`)
    await page.getByLabel('Admin key').fill(ADMIN_KEY)
    expect(await findings(page)).toEqual([])
    await page.getByRole('button', { name: 'Open the dashboard' }).click()
    const loop = await startLoop(gateway, 'watched')
    const body = JSON.stringify({ url: 'rtmps://none.live-video.net/app', key: 'x' })
    await fetch(`${gateway.url}/api/streams/watched/targets`, { method: 'POST', headers: ADMIN, body })
    await page.locator('.worst').waitFor()
    await page.getByText('Add a target').click()
    await page.locator('img').first().waitFor()
    expect(await findings(page)).toEqual([])
    await loop.stop()
    await page.getByText('Nobody is broadcasting.').waitFor()
  })

  it('on a page with widget and player, while both run, and where something failed', async () => {
    await page.goto(site.origin)
    const widget = page.locator('castgate-broadcast')
    await widget.getByRole('button', { name: 'Broadcast' }).click()
    await widget.getByText('LIVE', { exact: true }).waitFor()
    await widget.getByText('Settings').click()
    await page.getByText('Playing live').waitFor({ state: 'attached' })
    expect(await findings(page)).toEqual([])
    await widget.getByRole('button', { name: 'Stop' }).click()
    await until('it is over', async () => (await gateway.stream('site')) === null)
    await widget.getByText('File', { exact: true }).click()
    await widget.getByRole('button', { name: 'Broadcast' }).click()
    await widget
      .getByRole('alert')
      .getByText(/Choose a video file first/)
      .waitFor()
    expect(await findings(page)).toEqual([])
  })
})

describe('a screen reader', () => {
  it('hears a name and a role for everything that can be used, and how the broadcast is', async () => {
    const page = await browser.newPage()
    await page.goto(site.origin)
    const widget = page.locator('castgate-broadcast')
    await widget.getByRole('button', { name: 'Broadcast' }).click()
    await widget.getByText('LIVE', { exact: true }).waitFor()
    await widget.getByText('Settings').click()
    await expect.poll(() => widget.ariaSnapshot()).toContain('status: LIVE')
    const heard = await widget.ariaSnapshot()
    for (const name of [
      'group "Broadcast"',
      'meter "Sound level"',
      'button "Mute"',
      'group "Source"',
      'radio "Camera" [checked]',
      'radio "Screen"',
      'radio "File"',
      'button "Stop"',
      'combobox "Camera"',
      'combobox "Microphone"',
      'combobox "Quality"',
    ]) {
      expect(heard).toContain(name)
    }
    await widget.getByRole('button', { name: 'Stop' }).click()
    await widget.getByText('The broadcast has ended').waitFor({ state: 'attached' })
    await page.close()
  })
})
