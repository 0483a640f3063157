import type { Browser, Page } from 'playwright'
import { startBrowser } from '../e2e/support/browser.ts'
import { startGateway, type TestGateway } from '../e2e/support/gateway.ts'
import { installClockCamera, readClock } from '../e2e/support/page-clock.ts'
import { freePort } from '../e2e/support/resources.ts'
import { until } from '../e2e/support/wait.ts'
import { publishFromPage } from '../e2e/support/whip-page.ts'
import { FlvReader } from '../server/flv/reader.ts'
import { TAG_TYPE } from '../server/flv/tag.ts'
import { median } from './support/figures.ts'
import { sessionBegan } from './support/session.ts'

const WIDTH = 960
const HEIGHT = 540
/** How long pictures are read, after the player has settled, in ms. */
const READ_MS = Number(process.env.CASTGATE_BENCH_READ_MS ?? 30_000)
const SETTLE_MS = 8_000
/** How often the time to the first picture is taken. */
const ROUNDS = 5

/** The ways that are measured, of a page's recorder and of a page that sends by WHIP, with the goals for half of the pictures and for the first one, in s. */
const WAYS = [
  { stream: 'latency', methods: 'flv', name: 'HTTP-FLV', goal: 0.7, firstGoal: 0.5 },
  { stream: 'latency', methods: 'll-hls', name: 'LL-HLS', goal: 2, firstGoal: 1 },
  { stream: 'latency', methods: 'hls', name: 'HLS of nginx', goal: null, firstGoal: null },
  { stream: 'latency', methods: 'whep', name: 'WHEP', goal: null, firstGoal: null },
  { stream: 'whip', methods: 'flv', name: 'WHIP, FLV', goal: null, firstGoal: null },
  { stream: 'whip', methods: 'whep', name: 'WHIP, WHEP', goal: 0.25, firstGoal: 0.5 },
] as const

/** From the picture that a page draws to the picture that a player shows, glass to glass, and from a click to the first picture. */
export async function run(): Promise<void> {
  const gateway = await startGateway(['--rtmp', 'nginx', '--webrtc-port', `${await freePort()}`])
  const browser = await startBrowser(['--autoplay-policy=no-user-gesture-required'])
  try {
    const studio = await broadcast(browser, gateway)
    const rows: string[] = []
    for (const { stream, methods, name, goal, firstGoal } of WAYS) {
      if (stream === 'whip' && !(await gateway.stream('whip'))) {
        await partsOfFlv(browser, gateway, studio)
        await studio.close()
        await sendByWhip(browser, gateway)
      }
      const page = await browser.newPage({ viewport: { width: 1000, height: 700 } })
      await page.goto(`${gateway.url}/watch/${stream}?methods=${methods}`)
      const video = page.locator('video')
      await readClock(video, SETTLE_MS)
      const ages = (await readClock(video, READ_MS)).map(({ age }) => age / 1000).sort((a, b) => a - b)
      await page.close()
      const first = await firstPictures(browser, gateway, stream, methods)
      const quantile = (part: number) => (ages[Math.floor(part * (ages.length - 1))] ?? Number.NaN).toFixed(2)
      const goals = goal === null ? 'as found' : `≤ ${goal}, first ≤ ${firstGoal}`
      rows.push(
        `  ${name.padEnd(13)} ${quantile(0.5)}  ${quantile(0.95)}  ${String(ages.length).padStart(5)}  ${median(first).toFixed(2)}   ${goals}`,
      )
      process.stdout.write(`${rows.at(-1)}\n`)
    }
    process.stdout.write(
      `\nSeconds, ${WIDTH}×${HEIGHT}, 30 frames a second, all on this machine\n  way           p50   p95   pictures  first  goal\n${rows.join('\n')}\n`,
    )
  } finally {
    await browser.close()
    await gateway.stop()
  }
}

async function broadcast(browser: Browser, gateway: TestGateway): Promise<Page> {
  const context = await browser.newContext()
  await installClockCamera(context, WIDTH, HEIGHT)
  const page = await context.newPage()
  await page.goto(gateway.url)
  await page.getByLabel('Quality').selectOption('540p')
  await page.getByLabel('Stream name').fill('latency')
  await page.getByRole('button', { name: 'Broadcast' }).click()
  await until('it is live', async () => (await gateway.stream('latency'))?.state === 'live')
  await until('nginx has HLS', async () => (await fetch(`${gateway.url}/hls/latency.m3u8`)).ok, 250)
  return page
}

async function sendByWhip(browser: Browser, gateway: TestGateway): Promise<void> {
  const context = await browser.newContext()
  await installClockCamera(context, WIDTH, HEIGHT)
  const page = await context.newPage()
  await page.goto(gateway.url)
  await publishFromPage(page, { url: `${gateway.url}/whip/whip` })
  await until('it is live', async () => (await gateway.stream('whip'))?.state === 'live')
}

/** Where the time of HTTP-FLV goes, in s: up to a viewer's socket, and in the player's buffer. */
async function partsOfFlv(browser: Browser, gateway: TestGateway, studio: Page): Promise<void> {
  const page = await browser.newPage({ viewport: { width: 1000, height: 700 } })
  await page.goto(`${gateway.url}/watch/latency?methods=flv`)
  await readClock(page.locator('video'), SETTLE_MS)
  const socket = await agesAtSocket(gateway, await sessionBegan(studio))
  const buffered = await page.locator('video').evaluate(async (element) => {
    const video = element as HTMLVideoElement
    const levels: number[] = []
    for (let look = 0; look < 200; look++) {
      await new Promise((resolve) => setTimeout(resolve, 25))
      levels.push(video.buffered.end(video.buffered.length - 1) - video.currentTime)
    }
    return levels
  })
  const glass = (await readClock(page.locator('video'), 5_000)).map(({ age }) => age / 1000)
  await page.close()
  const [atSocket, inBuffer, inAll] = [median(socket), median(buffered), median(glass)]
  process.stdout.write(
    `\nHTTP-FLV, seconds: ${atSocket.toFixed(2)} from the recorder to a viewer's socket, ${inBuffer.toFixed(2)} in the player's buffer, ` +
      `${(inAll - atSocket - inBuffer).toFixed(2)} for the rest (drawing, the recorder's own delay, decoding, showing)\n`,
  )
}

/** How old pictures are when they reach a viewer's socket, by their times in the recording. `began` is when that began. */
async function agesAtSocket(gateway: TestGateway, began: number): Promise<number[]> {
  const leaving = new AbortController()
  const answer = await fetch(`${gateway.url}/live/latency.flv`, { signal: leaving.signal })
  const reader = new FlvReader()
  const from = Date.now()
  const ages: number[] = []
  for await (const bytes of answer.body ?? []) {
    const now = Date.now()
    for (const { type, timestamp } of reader.read(Buffer.from(bytes as Uint8Array))) {
      // The current group of pictures comes at once, and is older.
      if (type === TAG_TYPE.video && now - from > 3_000) ages.push((now - began - timestamp) / 1000)
    }
    if (now - from > 8_000) break
  }
  leaving.abort()
  return ages
}

/** Seconds from a click that makes the player to the first picture. */
async function firstPictures(
  browser: Browser,
  gateway: TestGateway,
  stream: string,
  methods: string,
): Promise<number[]> {
  const times: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const context = await browser.newContext()
    const page = await context.newPage()
    await openEmpty(page, gateway)
    times.push(
      await page.evaluate(
        async ([name, wanted]) => {
          const player = document.createElement('castgate-player')
          player.setAttribute('stream', name)
          player.setAttribute('methods', wanted)
          player.style.width = '960px'
          const from = performance.now()
          document.body.append(player)
          for (;;) {
            const video = player.shadowRoot?.querySelector('video')
            if (video) {
              await new Promise((resolve) => video.requestVideoFrameCallback(resolve))
              return (performance.now() - from) / 1000
            }
            await new Promise(requestAnimationFrame)
          }
        },
        [stream, methods] as const,
      ),
    )
    await context.close()
  }
  return times
}

/** A page of the gateway's origin that has the player's script, and no player. */
async function openEmpty(page: Page, gateway: TestGateway): Promise<void> {
  await page.route('**/empty', (route) => route.fulfill({ contentType: 'text/html', body: '<!doctype html>' }))
  await page.goto(`${gateway.url}/empty`)
  await page.addScriptTag({ type: 'module', url: `${gateway.url}/castgate.js` })
  await page.waitForFunction(() => customElements.get('castgate-player'))
}
