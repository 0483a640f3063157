import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { FAKE_CAMERA, startBrowser } from '../e2e/support/browser.ts'
import { startGateway, type TestGateway } from '../e2e/support/gateway.ts'
import { startProxy } from '../e2e/support/proxy.ts'
import { temporaryDirectory } from '../e2e/support/resources.ts'
import { until } from '../e2e/support/wait.ts'
import { FlvReader } from '../server/flv/reader.ts'
import { writeMovingPicture } from './support/moving-picture.ts'
import { writePlot } from './support/plot.ts'
import { sessionBegan } from './support/session.ts'

/** When the uplink becomes slow and free again, and the end, in s after the first picture. */
const SLOW_FROM = 20
const SLOW_TO = 80
const END = 140
const SLOW_BITS = 1_000_000
/** The delay that is to be reached, and how soon after each change. */
const GOAL_S = 2
const GOAL_WITHIN_S = 15
const PLOT = fileURLToPath(new URL('../docs/plots/adaptive.svg', import.meta.url))

interface Sample {
  /** Seconds after the first picture. */
  at: number
  /** Seconds from the recorder to a viewer's socket. */
  delay: number
  bytes: number
}

/**
 * Broadcasts 2.5 Mbit/s from a page whose uplink falls to 1 Mbit/s for a minute: how late pictures come to an HTTP-FLV viewer, and
 * what bitrate and epochs the page chooses. Writes `docs/plots/adaptive.svg`.
 */
export async function run(): Promise<void> {
  const directory = await temporaryDirectory()
  const gateway = await startGateway(['--rtmp', 'nginx'])
  const proxy = await startProxy(gateway.port)
  const camera = `${directory.path}/camera.mjpeg`
  await writeMovingPicture(camera)
  const browser = await startBrowser([...FAKE_CAMERA, `--use-file-for-fake-video-capture=${camera}`])
  try {
    const page = await browser.newPage()
    await page.goto(`http://127.0.0.1:${proxy.port}`)
    await page.getByLabel('Stream name').fill('adaptive')
    await page.getByRole('button', { name: 'Broadcast' }).click()
    await until('it is live', async () => (await gateway.stream('adaptive'))?.state === 'live')
    const samples: Sample[] = []
    const watching = new AbortController()
    const began = await sessionBegan(page)
    const watched = watch(gateway, began, samples, watching.signal)
    const epochs: { at: number; epoch: number; height: number }[] = []
    for (const start = performance.now(); ; await delay(250)) {
      const at = (performance.now() - start) / 1000
      if (at > END) break
      proxy.throttle(at >= SLOW_FROM && at < SLOW_TO ? SLOW_BITS / 8 : null)
      const status = await gateway.stream('adaptive')
      epochs.push({ at, epoch: status?.epoch ?? 0, height: status?.video?.height ?? 0 })
    }
    watching.abort()
    await watched
    await page.getByRole('button', { name: 'Stop' }).click()
    report(samples, epochs)
    await plot(samples, epochs)
  } finally {
    await browser.close()
    await proxy.close()
    await gateway.stop()
    await directory.remove()
  }
}

/** Follows the HTTP-FLV; a tag's time is that of its recording since the session began. */
async function watch(gateway: TestGateway, began: number, samples: Sample[], signal: AbortSignal): Promise<void> {
  const answer = await fetch(`${gateway.url}/live/adaptive.flv`, { signal })
  const reader = new FlvReader()
  const start = Date.now()
  try {
    for await (const bytes of answer.body ?? []) {
      const now = Date.now()
      for (const tag of reader.read(Buffer.from(bytes as Uint8Array))) {
        if (tag.timestamp === 0) continue
        samples.push({
          at: (now - start) / 1000,
          delay: (now - began - tag.timestamp) / 1000,
          bytes: tag.body.length,
        })
      }
    }
  } catch (error) {
    if (!signal.aborted) throw error
  }
}

/** The worst delay and the bits of each second. */
function bySecond(samples: Sample[]): { at: number; delay: number; megabits: number }[] {
  const seconds = Array.from({ length: END }, (_, second) => {
    const within = samples.filter(({ at }) => at >= second && at < second + 1)
    const megabits = within.reduce((sum, { bytes }) => sum + bytes * 8e-6, 0)
    return { at: second, delay: Math.max(...within.map(({ delay }) => delay)), megabits }
  })
  // Nothing may come in a second, while the uplink changes.
  return seconds.filter(({ delay }) => Number.isFinite(delay))
}

function report(samples: Sample[], epochs: { at: number; epoch: number; height: number }[]): void {
  const seconds = bySecond(samples)
  for (const [what, from] of [
    ['slow', SLOW_FROM],
    ['free', SLOW_TO],
  ] as const) {
    const after = seconds.filter(({ at }) => at >= from && at < from + 60)
    const worst = Math.max(...after.map(({ delay }) => delay))
    const late = after.findLast(({ delay }) => delay > GOAL_S)
    const back = late ? late.at + 1 - from : 0
    process.stdout.write(
      `after the uplink became ${what}: at worst ${worst.toFixed(1)} s late, under ${GOAL_S} s for good after ${back} s (goal: ${GOAL_WITHIN_S} s)\n`,
    )
  }
  const changes = epochs.filter(({ epoch }, index) => epoch !== epochs[index - 1]?.epoch)
  for (const { at, epoch, height } of changes) {
    process.stdout.write(`  ${at.toFixed(1).padStart(6)} s: epoch ${epoch}, ${height} lines\n`)
  }
}

async function plot(samples: Sample[], epochs: { at: number; epoch: number; height: number }[]): Promise<void> {
  const seconds = bySecond(samples)
  await writePlot(
    PLOT,
    [
      {
        title: 'Delay from the recorder to a viewer',
        unit: 's',
        series: [{ label: 'delay', points: seconds.map(({ at, delay }) => [at, delay]) }],
        bound: { y: GOAL_S, label: 'goal: within 15 s of each change' },
      },
      {
        title: 'What arrives',
        unit: 'Mbit/s',
        series: [{ label: 'bitrate', points: seconds.map(({ at, megabits }) => [at, megabits]) }],
      },
      {
        title: 'Epoch',
        unit: 'number',
        series: [{ label: 'epoch', points: epochs.map(({ at, epoch }) => [at, epoch]), steps: true }],
      },
    ],
    [{ from: SLOW_FROM, to: SLOW_TO, label: 'uplink at 1 Mbit/s' }],
  )
  process.stdout.write(`written: ${PLOT}\n`)
}
