import { setTimeout as delay } from 'node:timers/promises'
import type { Locator } from 'playwright'
import { startBrowser } from '../e2e/support/browser.ts'
import { startGateway } from '../e2e/support/gateway.ts'
import { installClockCamera, readClock } from '../e2e/support/page-clock.ts'
import { startProxy } from '../e2e/support/proxy.ts'
import { until } from '../e2e/support/wait.ts'
import { spread } from './support/figures.ts'

const ROUNDS = 5
const CUT_MS = 4_000
/** The ways to watch, with the age in ms of a picture that is live: what waited during the cut has been played or jumped over. */
const WAYS = [
  { methods: 'flv', name: 'HTTP-FLV', liveMs: 2_000 },
  { methods: 'll-hls', name: 'LL-HLS', liveMs: 3_000 },
] as const

/** How long after a publisher's return, whose socket was cut for 4 s, players show again what is live. */
export async function run(): Promise<void> {
  const gateway = await startGateway(['--rtmp', 'embedded'])
  const proxy = await startProxy(gateway.port)
  const browser = await startBrowser(['--autoplay-policy=no-user-gesture-required'])
  try {
    const publisher = await browser.newContext()
    await installClockCamera(publisher, 960, 540)
    const studio = await publisher.newPage()
    await studio.goto(`http://127.0.0.1:${proxy.port}`)
    await studio.getByLabel('Quality').selectOption('540p')
    await studio.getByLabel('Stream name').fill('playback')
    await studio.getByRole('button', { name: 'Broadcast' }).click()
    const state = async () => (await gateway.stream('playback'))?.state
    await until('it is live', async () => (await state()) === 'live')
    for (const { methods, name, liveMs } of WAYS) {
      const page = await browser.newPage()
      await page.goto(`${gateway.url}/watch/playback?methods=${methods}`)
      await readClock(page.locator('video'), 8_000)
      const seconds: number[] = []
      for (let round = 0; round < ROUNDS; round++) {
        proxy.refuse = true
        proxy.cut()
        await delay(CUT_MS)
        proxy.refuse = false
        await until('it is back', async () => (await state()) === 'live', 10)
        const back = performance.now()
        await showsLive(page.locator('video'), liveMs)
        seconds.push((performance.now() - back) / 1000)
        await readClock(page.locator('video'), 4_000)
      }
      process.stdout.write(`${name.padEnd(9)} live again after ${spread(seconds, 2)} s (goal: 3)\n`)
      await page.close()
    }
  } finally {
    await browser.close()
    await proxy.close()
    await gateway.stop()
  }
}

async function showsLive(video: Locator, liveMs: number): Promise<void> {
  await until(
    'the player shows what is live',
    async () => (await readClock(video, 100)).some(({ age }) => age < liveMs),
    10,
  )
}
