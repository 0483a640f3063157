import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Browser, BrowserContext, Locator, Page } from 'playwright'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { startBrowser } from './support/browser.ts'
import { ingestFfmpegs, startGateway, startLoop, type TestGateway } from './support/gateway.ts'
import { installClockCamera, readClock } from './support/page-clock.ts'
import { startProxy, type TestProxy } from './support/proxy.ts'
import { mediaPath } from './support/publisher.ts'
import { until } from './support/wait.ts'

/** A picture that is older was waiting in a buffer, in ms: the player has not come back to what is live. */
const LIVE_WITHIN_MS = 5_000

let browser: Browser
beforeAll(async () => {
  browser = await startBrowser(['--autoplay-policy=no-user-gesture-required'])
})
afterAll(() => browser.close())

/** Resolves once `video` shows one new picture after the other, none of them old. */
async function showsLive(video: Locator): Promise<void> {
  await until('the player shows what is live', async () => {
    const readings = await readClock(video, 1_000)
    const frames = new Set(readings.map(({ frame }) => frame))
    return frames.size > 10 && readings.every(({ age }) => age < LIVE_WITHIN_MS)
  })
}

describe('the player, while a broadcast goes through what can happen to it', () => {
  let gateway: TestGateway
  let proxy: TestProxy
  let publisher: BrowserContext
  let studio: Page
  const watching: Page[] = []
  beforeAll(async () => {
    gateway = await startGateway(['--rtmp', 'embedded'])
    proxy = await startProxy(gateway.port)
    publisher = await browser.newContext()
    const { origin } = new URL(`http://127.0.0.1:${proxy.port}`)
    await publisher.grantPermissions(['camera', 'microphone'], { origin })
    await installClockCamera(publisher, 640, 360)
    studio = await publisher.newPage()
    await studio.goto(origin)
    await studio.getByLabel('Stream name').fill('stream')
    await studio.getByRole('button', { name: 'Broadcast' }).click()
    await studio.getByText('LIVE', { exact: true }).waitFor()
    for (const methods of ['flv', 'll-hls']) {
      const page = await browser.newPage()
      await page.goto(`${gateway.url}/watch/stream?methods=${methods}`)
      await page.evaluate(() => Object.assign(window, { neverReloaded: true }))
      watching.push(page)
    }
    await allShowLive()
  })
  afterAll(async () => {
    await studio.getByRole('button', { name: 'Stop' }).click()
    await studio.getByText('The broadcast has ended').waitFor()
    for (const page of watching) await page.getByText('The broadcast has ended').waitFor()
    await publisher.close()
    for (const page of watching) await page.close()
    await proxy.close()
    await gateway.stop()
  })

  async function allShowLive(): Promise<void> {
    await Promise.all(watching.map((page) => showsLive(page.locator('video'))))
    for (const page of watching) expect(await page.evaluate(() => 'neverReloaded' in window)).toBe(true)
  }

  const state = async () => (await gateway.stream('stream'))?.state

  it('says so while the publisher is cut off, and goes on by itself', async () => {
    proxy.refuse = true
    proxy.cut()
    await until('the publisher is missed', async () => (await state()) === 'waiting')
    for (const page of watching) await page.getByText('The broadcast is interrupted').waitFor()
    proxy.refuse = false
    await until('it is back', async () => (await state()) === 'live')
    await allShowLive()
  })

  it('goes on with a picture of another size', async () => {
    await studio.getByLabel('Quality').selectOption('360p')
    await until('there is another epoch', async () => ((await gateway.stream('stream'))?.epoch ?? 0) > 0)
    await allShowLive()
  })

  it('goes on when the FFmpeg of the broadcast is killed', async () => {
    const [pid] = await ingestFfmpegs(gateway)
    process.kill(pid ?? 0, 'SIGKILL')
    await until('there is another one', async () => {
      const pids = await ingestFfmpegs(gateway)
      return pids.length > 0 && !pids.includes(pid ?? 0)
    })
    await allShowLive()
  })

  it('goes on when the publisher reloads the page', async () => {
    const before = (await gateway.stream('stream'))?.epoch ?? 0
    await studio.reload()
    await until('there is another epoch', async () => ((await gateway.stream('stream'))?.epoch ?? 0) > before)
    await allShowLive()
  })

  it('goes on when the gateway is started anew', async () => {
    await gateway.restart()
    await until('it is live again', async () => (await state()) === 'live')
    await allShowLive()
  })
})

describe('the player', () => {
  let gateway: TestGateway
  let push: Awaited<ReturnType<typeof startLoop>>
  let page: Page
  beforeAll(async () => {
    gateway = await startGateway(['--rtmp', 'embedded'])
    push = await startLoop(gateway, 'stream')
  })
  afterAll(async () => {
    await push.stop()
    await gateway.stop()
  })

  const player = () => page.locator('castgate-player')
  const video = () => page.locator('video')
  const method = () =>
    player().evaluate((element) => (element as unknown as { state: { method?: string } }).state.method ?? null)
  const playing = async () => {
    await page.getByText('Playing live').waitFor({ state: 'attached' })
  }
  const open = async (query = '') => {
    page = await browser.newPage()
    await page.goto(`${gateway.url}/watch/stream${query}`)
  }

  it('takes the next way where one does not work: HTTP, then WebSocket, then HLS', async () => {
    page = await browser.newPage()
    const tried: string[] = []
    await page.route('**/live/*', (route) => {
      tried.push('http')
      return route.abort()
    })
    await page.routeWebSocket('**/live/*', (socket) => {
      tried.push('websocket')
      return socket.close()
    })
    await page.goto(`${gateway.url}/watch/stream`)
    await playing()
    expect(tried).toEqual(['http', 'websocket'])
    expect(await method()).toBe('ll-hls')
    await page.close()
  })

  it('is counted as a viewer, by its way to watch, and the page tells how many there are', async () => {
    await open()
    await page.getByText('Live now · 1 viewer').waitFor()
    const viewers = async () => (await gateway.stream('stream'))?.viewers
    await until(
      'one watches over FLV alone',
      async () => {
        const counts = await viewers()
        return counts?.flv === 1 && counts.llHls === 0
      },
      500,
    )
    await page.close()
    await until('nobody watches', async () => (await viewers())?.flv === 0)
  })

  it('shows its controls at the tap of a finger, and plays on', async () => {
    await open()
    await playing()
    const tap = (pointerType: string) =>
      video().evaluate((element, type) => {
        element.dispatchEvent(new PointerEvent('pointerdown', { pointerType: type, bubbles: true }))
        element.dispatchEvent(new PointerEvent('click', { pointerType: type, bubbles: true }))
        return (element as HTMLVideoElement).paused
      }, pointerType)
    await page.locator('.stage.idle').waitFor()
    expect(await tap('touch')).toBe(false)
    await page.locator('.stage:not(.idle)').waitFor()
    expect(await tap('touch')).toBe(false)
    await page.locator('.stage.idle').waitFor()
    expect(await tap('mouse')).toBe(true)
  })

  const isMuted = () => video().evaluate((element: HTMLVideoElement) => element.muted)

  it('begins with sound where the browser allows it, and is used by keyboard', async () => {
    await open()
    await playing()
    expect(await isMuted()).toBe(false)
    expect(await page.getByText('Turn on sound').count()).toBe(0)
    await page.getByRole('region', { name: 'Player' }).focus()
    await page.keyboard.press('m')
    expect(await isMuted()).toBe(true)
    await page.keyboard.press('ArrowUp')
    expect(await isMuted()).toBe(false)
    await page.keyboard.press('k')
    await page.getByRole('button', { name: 'Play', exact: true }).waitFor()
    expect(await video().evaluate((element: HTMLVideoElement) => element.paused)).toBe(true)
    await page.keyboard.press(' ')
    await page.getByRole('button', { name: 'Pause' }).waitFor()
    for (const name of ['Volume', 'LIVE', 'Picture in picture', 'Full screen']) {
      expect(await page.getByLabel(name).or(page.getByRole('button', { name })).count()).toBeGreaterThan(0)
    }
    await page.keyboard.press('f')
    await page.getByRole('button', { name: 'Leave full screen' }).waitFor()
    await page.keyboard.press('f')
    await page.getByRole('button', { name: 'Full screen', exact: true }).waitFor()
    await page.close()
  })

  it('loads nothing more while it is paused for long, and is live again afterwards', async () => {
    await open()
    await playing()
    await page.keyboard.press('Tab')
    await page.getByRole('button', { name: 'Pause' }).click()
    await until('nobody watches', async () => (await gateway.stream('stream'))?.viewers.flv === 0, 250)
    await page.getByRole('button', { name: 'Play', exact: true }).click()
    await until('it is watched again', async () => (await gateway.stream('stream'))?.viewers.flv === 1)
    await playing()
    await page.close()
  })

  it('plays on a page of another site, by its tag alone, and leaves nothing behind when it is taken out', async () => {
    const site = createServer((_, response) => {
      response.setHeader('content-type', 'text/html')
      response.end(`<!doctype html><script type="module" src="${gateway.url}/castgate.js"></script>
        <castgate-player src="${gateway.url}/watch/stream"></castgate-player>
        <castgate-player stream="stream" methods="ll-hls"></castgate-player>`)
    }).listen(0, '127.0.0.1')
    page = await browser.newPage()
    await page.goto(`http://localhost:${(site.address() as AddressInfo).port}`)
    for (const index of [0, 1]) {
      await player().nth(index).getByText('Playing live').waitFor({ state: 'attached' })
      const width = () =>
        video()
          .nth(index)
          .evaluate((element: HTMLVideoElement) => element.videoWidth)
      expect(await width()).toBe(1280)
    }
    await page.evaluate(() => {
      for (const element of document.querySelectorAll('castgate-player')) element.remove()
    })
    await until('nobody watches', async () => (await gateway.stream('stream'))?.viewers.flv === 0)
    await page.close()
    site.close()
  })

  it('begins without sound where the browser wants a press for it, with an obvious way to turn it on', async () => {
    const strict = await startBrowser(['--autoplay-policy=user-gesture-required'])
    onTestFinished(() => strict.close())
    const flv = async () => (await gateway.stream('stream'))?.viewers.flv
    await until('nobody watches', async () => (await flv()) === 0)
    page = await strict.newPage()
    await page.goto(`${gateway.url}/watch/stream`)
    // To the browser, what a test asks a page is a press: nothing is asked before it plays.
    await until('it watches', async () => (await flv()) === 1)
    await playing()
    expect(await isMuted()).toBe(true)
    expect(await player().evaluate((element) => (element as unknown as { muted: boolean }).muted)).toBe(true)
    await page.getByText('Turn on sound').click()
    expect(await isMuted()).toBe(false)
    expect(await page.getByText('Turn on sound').count()).toBe(0)
  })

  it('begins as its attributes say: muted, without buttons, with a poster, and not before somebody presses', async () => {
    page = await browser.newPage()
    const poster = `${gateway.url}/api/streams/stream/thumbnail.jpg`
    await page.goto(`${gateway.url}/embed/player/stream?muted&autoplay=false&controls=no`)
    await player().evaluate((element, poster) => element.setAttribute('poster', poster), poster)
    const press = page.getByRole('button', { name: 'Watch' })
    await press.waitFor()
    expect(await video().getAttribute('poster')).toBe(poster)
    await until('nobody watches', async () => (await gateway.stream('stream'))?.viewers.flv === 0)
    await press.click()
    await playing()
    expect(await isMuted()).toBe(true)
    expect(await page.getByRole('button').count()).toBe(0)
    await video().click()
    expect(await video().evaluate((element: HTMLVideoElement) => element.paused)).toBe(false)
    await player().evaluate((element) => element.setAttribute('controls', ''))
    await page.getByRole('button', { name: 'Pause' }).waitFor()
    await page.close()
  })

  it('takes the next way where a network holds back what comes without an end, and remembers that', async () => {
    const context = await browser.newContext()
    page = await context.newPage()
    const held: string[] = []
    // Never answered.
    await context.route('**/live/*', (route) => void held.push(route.request().url()))
    await page.goto(`${gateway.url}/watch/stream`)
    await playing()
    expect([held.length, await method()]).toEqual([1, 'flv-websocket'])
    await page.reload()
    await playing()
    expect([held.length, await method()]).toEqual([1, 'flv-websocket'])
    await context.close()
  })

  it('shows that there is nothing to see where a broadcast is sound alone', async () => {
    const sound = await startLoop(gateway, 'sound', mediaPath('chrome-audio-only.webm'))
    page = await browser.newPage()
    await page.goto(`${gateway.url}/watch/sound`)
    await page.getByText('Sound only').waitFor()
    await playing()
    await page.close()
    await sound.stop()
  })

  it('says what is missing where no stream is named', async () => {
    await open()
    await player().evaluate((element) => element.setAttribute('src', '/nowhere'))
    await page.getByText('No stream is named').waitFor()
    await page.close()
  })
})
