import { fileURLToPath } from 'node:url'
import fastifyStatic from '@fastify/static'
import Fastify from 'fastify'
import type { Browser, Page } from 'playwright'
import { build } from 'vite'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { FAKE_CAMERA, startBrowser } from './support/browser.ts'
import { startGateway, type TestGateway } from './support/gateway.ts'
import { startProxy, type TestProxy } from './support/proxy.ts'
import { ingestUrl, TestSocket } from './support/publisher.ts'
import { temporaryDirectory } from './support/resources.ts'
import { type Site, startSite } from './support/site.ts'
import { until } from './support/wait.ts'

/** Longer than any test waits: a name that is only free after it is not free. */
const RESUME = ['--resume-seconds', '86400']

let gateway: TestGateway
let proxy: TestProxy
let browser: Browser
let site: Site
let page: Page
beforeAll(async () => {
  gateway = await startGateway(['--rtmp', 'embedded', '--origin', '*', ...RESUME])
  proxy = await startProxy(gateway.port)
  browser = await startBrowser(FAKE_CAMERA)
  site = await startSite(
    () => `<!doctype html><script type="module" src="${gateway.url}/castgate.js"></script>
      <castgate-broadcast stream="stopped" server="http://127.0.0.1:${proxy.port}"></castgate-broadcast>`,
  )
})
afterAll(async () => {
  await browser.close()
  site.close()
  await proxy.close()
  await gateway.stop()
})

/** What the tests call in the page. */
interface Watched {
  element: HTMLElement & {
    start(media?: MediaStream): Promise<boolean>
    stop(): Promise<void>
    state: { kind: string } | null
    token: unknown
  }
  /** Tracks that are on, sockets that are open or opening, and intervals that run, of those that the page made. */
  left(): { tracks: number; sockets: number; intervals: number }
  /** Called when a message was sent. */
  onSent: (text: string) => void
  /** While it is set, the camera is not given. */
  hold: Promise<void> | null
  events: string[]
}
declare const watched: Watched

beforeEach(async () => {
  proxy.stall(false)
  page = await browser.newPage()
  await page.addInitScript(() => {
    const tracks: MediaStreamTrack[] = []
    const sockets: WebSocket[] = []
    const intervals = new Set<number>()
    const own = { onSent: () => {}, hold: null, events: [] } as unknown as Watched
    const getUserMedia = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices)
    navigator.mediaDevices.getUserMedia = async (constraints) => {
      await own.hold
      const stream = await getUserMedia(constraints)
      tracks.push(...stream.getTracks())
      return stream
    }
    const Original = window.WebSocket
    window.WebSocket = class extends Original {
      constructor(url: string | URL, protocols?: string | string[]) {
        super(url, protocols)
        sockets.push(this)
      }
      override send(data: string | ArrayBufferLike | Blob | ArrayBufferView): void {
        super.send(data as string)
        if (typeof data === 'string') own.onSent(data)
      }
    }
    const { setInterval: begin, clearInterval: end } = window
    Object.assign(window, {
      watched: own,
      setInterval: (...args: Parameters<typeof begin>) => {
        const id = begin(...args)
        intervals.add(id as unknown as number)
        return id
      },
      clearInterval: (id: number) => {
        intervals.delete(id)
        end(id)
      },
    })
    own.left = () => ({
      tracks: tracks.filter(({ readyState }) => readyState === 'live').length,
      sockets: sockets.filter(({ readyState }) => readyState < 2).length,
      intervals: intervals.size,
    })
    for (const type of ['castgate-live', 'castgate-ended', 'castgate-error']) {
      addEventListener(type, () => own.events.push(type))
    }
    addEventListener('load', async () => {
      await customElements.whenDefined('castgate-broadcast')
      own.element = document.querySelector('castgate-broadcast') as Watched['element']
    })
  })
  await page.goto(site.origin)
  await until('the element is there', () => page.evaluate(() => watched.element !== undefined))
})
afterEach(() => page.close())

/** That nothing is left of a broadcast but what the page shows, and its name is free. */
async function expectNothingLeft(tracks = 0): Promise<void> {
  await until('nothing is left', async () => {
    const left = await page.evaluate(() => watched.left())
    return left.sockets === 0 && left.intervals === 0 && left.tracks === tracks
  })
  const socket = await new TestSocket(ingestUrl(gateway, 'stopped')).opened()
  socket.send({ type: 'hello', session: null })
  await socket.next()
  expect(socket.messages[0]?.type).toBe('welcome')
  socket.send({ type: 'end' })
  await socket.closed
  expect(await page.evaluate(() => watched.events)).not.toContain('castgate-live')
}

describe('a broadcast that is stopped', () => {
  it('in the tick in which it was started is not live, then or later', async () => {
    const began = await page.evaluate(async () => {
      const { element } = watched
      const starting = element.start()
      await element.stop()
      return starting
    })
    expect(began).toBe(false)
    await expectNothingLeft()
  })

  it('while the camera is asked for releases what comes of that', async () => {
    const began = await page.evaluate(async () => {
      const { element } = watched
      let give = () => {}
      watched.hold = new Promise((resolve) => {
        give = resolve
      })
      const starting = element.start()
      await Promise.resolve()
      // It does not wait for a person.
      await element.stop()
      give()
      return starting
    })
    expect(began).toBe(false)
    await expectNothingLeft()
  })

  it('while the camera is asked for may be started again, and is live then', async () => {
    const began = await page.evaluate(async () => {
      const { element } = watched
      let give = () => {}
      watched.hold = new Promise((resolve) => {
        give = resolve
      })
      const first = element.start()
      await element.stop()
      const second = element.start()
      give()
      return Promise.all([first, second])
    })
    expect(began).toEqual([false, true])
    await until('it is live', async () => (await gateway.stream('stopped'))?.state === 'live')
    expect(await page.evaluate(() => watched.left().tracks)).toBe(2)
    await page.evaluate(() => watched.element.stop())
    expect(await gateway.stream('stopped')).toBeNull()
  })

  it('before its socket is open opens none', async () => {
    proxy.stall(true)
    await page.evaluate(async () => {
      await watched.element.start()
      while (watched.left().sockets === 0) await new Promise((resolve) => setTimeout(resolve, 1))
      await watched.element.stop()
    })
    proxy.stall(false)
    await expectNothingLeft(2)
  })

  it('between hello and welcome ends the session, and its name is free at once', async () => {
    proxy.delay(50)
    await page.evaluate(async () => {
      const stopped = new Promise<void>((resolve) => {
        watched.onSent = (text) => {
          if (text.includes('"hello"')) resolve(watched.element.stop())
        }
      })
      await watched.element.start()
      await stopped
    })
    proxy.delay(0)
    expect(await gateway.stream('stopped')).toBeNull()
    await expectNothingLeft(2)
  })

  it('while it reconnects is over in the end, and its name is free', async () => {
    await page.evaluate(() => watched.element.start())
    await until('it is live', async () => (await gateway.stream('stopped'))?.state === 'live')
    proxy.refuse = true
    proxy.cut()
    await until('it reconnects', () => page.evaluate(() => watched.element.state?.kind === 'reconnecting'))
    const stopped = page.evaluate(() => watched.element.stop())
    proxy.refuse = false
    await stopped
    expect(await gateway.stream('stopped')).toBeNull()
    await page.evaluate(() => {
      watched.events = []
    })
    await expectNothingLeft(2)
  })

  it('by taking its element out is over, and one that is put in anew with the same name is live', async () => {
    await page.evaluate(() => watched.element.start())
    await until('it is live', async () => (await gateway.stream('stopped'))?.state === 'live')
    const began = await page.evaluate(async () => {
      const old = watched.element
      const next = document.createElement('castgate-broadcast') as Watched['element']
      for (const { name, value } of old.attributes) next.setAttribute(name, value)
      old.remove()
      document.body.append(next)
      watched.element = next
      watched.events = []
      return [await old.start(), await next.start()]
    })
    expect(began).toEqual([false, true])
    await until('the new one is live', () => page.evaluate(() => watched.events.includes('castgate-live')))
    expect(await page.evaluate(() => watched.events)).not.toContain('castgate-error')
    await page.evaluate(() => {
      watched.element.remove()
      watched.events = []
    })
    await expectNothingLeft()
  })

  it('and started in one breath waits for the end, and is live again', async () => {
    await page.evaluate(() => watched.element.start())
    await until('it is live', async () => (await gateway.stream('stopped'))?.state === 'live')
    const before = (await gateway.stream('stopped'))?.id
    const began = await page.evaluate(() => {
      watched.events = []
      void watched.element.stop()
      return watched.element.start()
    })
    expect(began).toBe(true)
    const again = await until('it is another broadcast', async () => {
      const stream = await gateway.stream('stopped')
      return stream?.state === 'live' && stream.id !== before
    })
    expect(again).toBe(true)
    // The gateway knows it before the page does.
    await until('the page says so', () => page.evaluate(() => watched.events.includes('castgate-live')))
    await page.evaluate(() => watched.element.stop())
    expect(await page.evaluate(() => watched.events)).toEqual(['castgate-ended', 'castgate-live', 'castgate-ended'])
  })

  it('while the page never gives a token is over at once', async () => {
    await page.evaluate(async () => {
      let asked = () => {}
      const isAsked = new Promise<void>((resolve) => {
        asked = resolve
      })
      watched.element.token = () => {
        asked()
        return new Promise(() => {})
      }
      await watched.element.start()
      await isAsked
      await watched.element.stop()
    })
    await expectNothingLeft(2)
  })
})

describe('a session that never began an epoch', () => {
  it('holds no name when its socket is gone', async () => {
    const socket = await new TestSocket(ingestUrl(gateway, 'brief')).opened()
    socket.send({ type: 'hello', session: null })
    await socket.message('welcome')
    expect(await gateway.stream('brief')).not.toBeNull()
    socket.cut()
    await until('its name is free', async () => (await gateway.stream('brief')) === null)
  })
})

describe('a page with React', () => {
  it('broadcasts under StrictMode, which starts, stops and starts in one tick', async () => {
    const directory = await temporaryDirectory()
    const root = fileURLToPath(new URL('pages/strict-mode', import.meta.url))
    // The development build of React runs effects twice.
    const before = process.env.NODE_ENV
    process.env.NODE_ENV = 'development'
    await build({
      root,
      configFile: false,
      mode: 'development',
      logLevel: 'error',
      build: { outDir: directory.path, emptyOutDir: true, minify: false, target: 'es2022' },
    })
    process.env.NODE_ENV = before
    const pages = Fastify()
    await pages.register(fastifyStatic, { root: directory.path })
    await pages.listen({ port: 0 })
    const own = await browser.newPage()
    await own.goto(
      `http://localhost:${(pages.server.address() as { port: number }).port}?server=${encodeURIComponent(gateway.url)}`,
    )
    for (const name of ['strict-sdk', 'strict-widget']) {
      await until(`${name} is live`, async () => (await gateway.stream(name))?.state === 'live')
    }
    const states = await own.locator('#sdk').textContent()
    expect(states).toMatch(/live$/)
    expect(states).not.toContain('failed')
    // A prop that goes away: the page answers, and the element has its default.
    await own.evaluate(() => (window as unknown as { setQuality(to: string | null): void }).setQuality(null))
    await until('it has the default', () =>
      own
        .locator('castgate-broadcast#quality')
        .evaluate((element) => (element as unknown as { quality: string }).quality === '720p'),
    )
    await own.evaluate(() => (window as unknown as { setShown(to: boolean): void }).setShown(false))
    for (const name of ['strict-sdk', 'strict-widget']) {
      await until(`${name} is over`, async () => (await gateway.stream(name)) === null)
    }
    await own.close()
    await pages.close()
    await directory.remove()
  })
})
