import type { Browser } from 'playwright'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { FAKE_CAMERA, startBrowser } from './support/browser.ts'
import { startGateway, startLoop, type TestGateway } from './support/gateway.ts'
import { countHoldings, type Holdings, holdings } from './support/page-holdings.ts'
import { mediaPath } from './support/publisher.ts'
import { type Site, startSite } from './support/site.ts'
import { until } from './support/wait.ts'

const NOTHING: Holdings = {
  ...{ tracks: 0, contexts: 0, sockets: 0, wakeLocks: 0 },
  ...{ listeners: 0, timers: 0, urls: 0, requests: 0 },
}

let browser: Browser
let gateway: TestGateway
let site: Site
beforeAll(async () => {
  browser = await startBrowser([...FAKE_CAMERA, '--autoplay-policy=no-user-gesture-required'])
  gateway = await startGateway(['--rtmp', 'embedded', '--origin', '*'])
  site = await startSite(() => `<!doctype html><script type="module" src="${gateway.url}/castgate.js"></script>`)
})
afterAll(async () => {
  await browser.close()
  site.close()
  await gateway.stop()
})

describe('twenty elements on one page', () => {
  it('are started, moved and removed, and nothing of them is left', async () => {
    // Sound alone: ten pictures would be much for a small machine.
    const loop = await startLoop(gateway, 'shown', mediaPath('chrome-audio-only.webm'))
    const context = await browser.newContext({ permissions: ['camera', 'microphone'] })
    await countHoldings(context)
    const page = await context.newPage()
    await page.goto(site.origin)
    await page.evaluate(async () => {
      for (const name of ['castgate-broadcast', 'castgate-player']) await customElements.whenDefined(name)
    })
    const before = await holdings(page)
    // More players than a browser opens connections of HTTP to one server.
    await page.evaluate(() => {
      for (let index = 0; index < 20; index++) {
        const isPlayer = index % 2 === 1
        const element = document.createElement(isPlayer ? 'castgate-player' : 'castgate-broadcast')
        element.setAttribute('stream', isPlayer ? 'shown' : `widget-${index}`)
        element.setAttribute('quality', '360p')
        element.style.cssText = 'display: inline-block; width: 15rem'
        document.body.append(element)
      }
    })
    const live = ['widget-0', 'widget-2']
    for (const name of live) {
      await page.locator(`[stream=${name}]`).getByRole('button', { name: 'Broadcast' }).click()
    }
    for (const name of live) await until(name, async () => (await gateway.stream(name))?.state === 'live')
    const players = page.locator('castgate-player')
    for (const player of await players.all()) await player.getByText('Playing live').waitFor({ state: 'attached' })
    // HTTP without an end is for few of them, or nothing else would be answered.
    await until('all watch', async () => {
      const { flv = 0, flvWebSocket = 0, llHls = 0 } = (await gateway.stream('shown'))?.viewers ?? {}
      return flv <= 3 && flv + flvWebSocket + llHls >= 10
    })
    const held = await holdings(page)
    for (const kind of ['tracks', 'contexts', 'sockets', 'wakeLocks', 'listeners', 'timers', 'urls'] as const) {
      expect([kind, held[kind]]).toEqual([kind, expect.toSatisfy((count: number) => count > before[kind])])
    }
    await page.evaluate(() => {
      for (const element of document.querySelectorAll('castgate-broadcast, castgate-player')) {
        document.body.prepend(element)
      }
    })
    for (const name of live) await page.locator(`[stream=${name}]`).getByText('LIVE', { exact: true }).waitFor()
    for (const player of await players.all()) await player.getByText('Playing live').waitFor({ state: 'attached' })
    expect((await holdings(page)).tracks).toBe(held.tracks)
    await page.evaluate(() => {
      for (const element of document.querySelectorAll('castgate-broadcast, castgate-player')) element.remove()
    })
    for (const name of live) await until(`${name} is over`, async () => (await gateway.stream(name)) === null)
    await until('nobody watches', async () => (await gateway.stream('shown'))?.viewers.flv === 0)
    await expect.poll(() => holdings(page), { timeout: 30_000 }).toEqual(before)
    expect({ ...before, listeners: 0 }).toEqual(NOTHING)
    await context.close()
    await loop.stop()
  })
})
