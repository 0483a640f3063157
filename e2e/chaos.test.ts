import { randomInt } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import type { Browser, Page } from 'playwright'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { fetchBytes, readyRecording } from './support/archive.ts'
import { FAKE_CAMERA, keepRecordings, recordedFrames, startBrowser } from './support/browser.ts'
import { writeClockVideo } from './support/clock.ts'
import { readFrames } from './support/clock-reader.ts'
import { descendantsOf, ingestFfmpegs, openSockets, startGateway, type TestGateway } from './support/gateway.ts'
import { HlsCollector } from './support/hls.ts'
import { decode } from './support/media.ts'
import { startProxy, type TestProxy } from './support/proxy.ts'
import { temporaryDirectory } from './support/resources.ts'
import { ADMIN_KEY } from './support/tokens.ts'
import { until } from './support/wait.ts'

/** How many disturbances, and the seed of what they are: the same seed gives the same ones. */
const EVENTS = Number(process.env.CASTGATE_CHAOS_EVENTS ?? 8)
const SEED = Number(process.env.CASTGATE_CHAOS_SEED ?? randomInt(2 ** 31))
const MAX_CUT_MS = Number(process.env.CASTGATE_CHAOS_CUT_MS ?? 3_000)

/** Each of so many events kills the FFmpeg that reads the recording: more in a minute than a few would look like the recording's fault. */
const KILL_EVERY = 6

/** Numbers from 0 to 1 that follow from a seed (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Does something to the connection, for a time, or to what comes through it. */
async function disturb(random: () => number, proxy: TestProxy, page: Page): Promise<void> {
  const lengthMs = 100 + random() * (MAX_CUT_MS - 100)
  const kind = random()
  if (kind < 0.5) {
    proxy.refuse = true
    proxy.cut()
    await delay(lengthMs)
    proxy.refuse = false
  } else if (kind < 0.7) {
    proxy.stall(true)
    await delay(lengthMs)
    proxy.stall(false)
  } else if (kind < 0.8) {
    proxy.delay(random() * 500)
    await delay(lengthMs)
    proxy.delay(0)
  } else if (kind < 0.9) {
    proxy.throttle(20_000 + random() * 80_000)
    await delay(lengthMs)
    proxy.throttle(null)
  } else {
    await page.getByLabel('Quality').selectOption(random() < 0.5 ? '360p' : '540p')
  }
}

/** Kills the FFmpeg that reads the recording, once there is one. */
async function killIngest(gateway: TestGateway): Promise<void> {
  const pid = await until('an FFmpeg reads the recording', async () => (await ingestFfmpegs(gateway))[0])
  process.kill(pid, 'SIGKILL')
}

/** What is there of a gateway that may not be left behind: processes and sockets. */
async function openedBy(gateway: TestGateway): Promise<{ processes: string[]; sockets: number }> {
  const processes = [...(await descendantsOf(gateway.program.process.pid ?? 0)).values()].sort()
  return { processes, sockets: await openSockets(gateway) }
}

let gateway: TestGateway
let browser: Browser
let directory: Awaited<ReturnType<typeof temporaryDirectory>>
beforeAll(async () => {
  directory = await temporaryDirectory()
  const camera = `${directory.path}/clock.mjpeg`
  await writeClockVideo(camera, 640, 360, 3000)
  browser = await startBrowser([...FAKE_CAMERA, `--use-file-for-fake-video-capture=${camera}`])
  gateway = await startGateway(['--rtmp', 'nginx', '--record', '--disk-floor', '1MB'], {
    CASTGATE_ADMIN_KEY: ADMIN_KEY,
  })
})
afterAll(async () => {
  await browser.close()
  await gateway.stop()
  await directory.remove()
})

const TIMEOUT_MS = 120_000 + EVENTS * (MAX_CUT_MS + 3_000)

it(`loses no frame of a broadcast whose connection is cut, stalled, delayed and slowed, and leaves nothing behind (CASTGATE_CHAOS_SEED=${SEED})`, {
  timeout: TIMEOUT_MS,
}, async () => {
  const random = randomFrom(SEED)
  const before = await openedBy(gateway)
  const proxy = await startProxy(gateway.port)
  const context = await browser.newContext()
  try {
    await keepRecordings(context)
    const page = await context.newPage()
    await page.goto(`http://127.0.0.1:${proxy.port}`)
    await page.getByLabel('Stream name').fill('chaos')
    await page.getByRole('button', { name: 'Broadcast' }).click()
    await page.getByText('LIVE', { exact: true }).waitFor()
    const disturbed = (async () => {
      for (let event = 0; event < EVENTS; event++) {
        await delay(500 + random() * 2000)
        if (event % KILL_EVERY === KILL_EVERY - 1) await killIngest(gateway)
        else await disturb(random, proxy, page)
      }
      await page.getByText('LIVE', { exact: true }).waitFor()
      await page.getByRole('button', { name: 'Stop' }).click()
      await page.getByText('The broadcast has ended').waitFor()
    })()
    const { bytes } = await new HlsCollector(`${gateway.url}/hls/chaos.m3u8`).collectUntil(disturbed)
    const recorded = await recordedFrames(page)
    expect(recorded.length).toBeGreaterThan(EVENTS * 10)
    expect(await readFrames(bytes)).toEqual(recorded)
    expect((await decode(bytes)).errors).toBe('')
    const { play } = await readyRecording(gateway, 'chaos')
    expect(await readFrames(await fetchBytes(play))).toEqual(recorded)
    const published = gateway.log().filter((line) => line.stream === 'chaos' && line.msg === 'target is live')
    expect(published).toHaveLength(1)
  } finally {
    await context.close()
    await proxy.close()
  }
  await until('nothing is left of it', async () => isDeepStrictEqual(await openedBy(gateway), before))
})
