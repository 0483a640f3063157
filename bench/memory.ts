import { readFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { FAKE_CAMERA, startBrowser } from '../e2e/support/browser.ts'
import { descendantsOf, startGateway } from '../e2e/support/gateway.ts'
import { startProxy } from '../e2e/support/proxy.ts'
import { temporaryDirectory } from '../e2e/support/resources.ts'
import { until } from '../e2e/support/wait.ts'
import { writeMovingPicture } from './support/moving-picture.ts'
import { writePlot } from './support/plot.ts'

/** When all goes wrong at once, when it is well again, and the end, in s. */
const BAD_FROM = 60
const BAD_TO = 360
const END = 480
/** A tenth of the bitrate of the broadcast. */
const BAD_BITS = 250_000
const PLOT = fileURLToPath(new URL('../docs/plots/memory.svg', import.meta.url))

interface Sample {
  at: number
  gateway: number
  ffmpegs: number
  page: number
}

/**
 * Memory of the gateway, of its FFmpegs and of the page, while for five minutes the target hangs, a viewer reads nothing, and the uplink
 * is at a tenth of the bitrate. Writes `docs/plots/memory.svg`.
 */
export async function run(): Promise<void> {
  const directory = await temporaryDirectory()
  const gateway = await startGateway(['--rtmp', 'nginx'])
  const proxy = await startProxy(gateway.port)
  const camera = `${directory.path}/camera.mjpeg`
  await writeMovingPicture(camera)
  const browser = await startBrowser([...FAKE_CAMERA, `--use-file-for-fake-video-capture=${camera}`])
  const pid = gateway.program.process.pid ?? 0
  const nginx = [...(await descendantsOf(pid))].filter(([, name]) => name === 'nginx').map(([id]) => id)
  try {
    const page = await browser.newPage()
    await page.goto(`http://127.0.0.1:${proxy.port}`)
    await page.getByLabel('Stream name').fill('memory')
    await page.getByRole('button', { name: 'Broadcast' }).click()
    await until('it is live', async () => (await gateway.stream('memory'))?.state === 'live')
    const viewer = connect(gateway.port, '127.0.0.1')
    const samples: Sample[] = []
    let bad = false
    for (const start = performance.now(); ; await delay(1000)) {
      const at = (performance.now() - start) / 1000
      if (at > END) break
      if (at >= BAD_FROM && at < BAD_TO && !bad) {
        bad = true
        for (const id of nginx) process.kill(id, 'SIGSTOP')
        viewer.pause().write('GET /live/memory.flv HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n')
        proxy.throttle(BAD_BITS / 8)
      } else if (at >= BAD_TO && bad) {
        bad = false
        for (const id of nginx) process.kill(id, 'SIGCONT')
        viewer.destroy()
        proxy.throttle(null)
      }
      samples.push({ at, ...(await measure(pid)) })
    }
    await page.getByRole('button', { name: 'Stop' }).click()
    report(samples)
    await plot(samples)
  } finally {
    for (const id of nginx) process.kill(id, 'SIGCONT')
    await browser.close()
    await proxy.close()
    await gateway.stop()
    await directory.remove()
  }
}

/** Resident megabytes now. */
async function measure(gateway: number): Promise<Omit<Sample, 'at'>> {
  const result = { gateway: await residentMegabytes(gateway), ffmpegs: 0, page: 0 }
  for (const [pid, name] of await descendantsOf(process.pid)) {
    if (name === 'ffmpeg') result.ffmpegs += await residentMegabytes(pid)
    else if (name.startsWith('chrom') && (await read(pid, 'cmdline')).includes('--type=renderer')) {
      result.page = Math.max(result.page, await residentMegabytes(pid))
    }
  }
  return result
}

async function residentMegabytes(pid: number): Promise<number> {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(await read(pid, 'status'))?.[1] ?? 0) / 1024
}

/** A file of proc(5); empty where the process has ended meanwhile. */
function read(pid: number, file: string): Promise<string> {
  return readFile(`/proc/${pid}/${file}`, 'utf8').catch(() => '')
}

function report(samples: Sample[]): void {
  const most = (from: number, to: number, of: (sample: Sample) => number) =>
    Math.round(Math.max(...samples.filter(({ at }) => at >= from && at < to).map(of)))
  process.stdout.write('resident MB, most in: the first minute, bad minutes 1–2, bad minutes 4–5, the last minute\n')
  for (const what of ['gateway', 'ffmpegs', 'page'] as const) {
    const figures = [
      [0, BAD_FROM],
      [BAD_FROM, BAD_FROM + 120],
      [BAD_TO - 120, BAD_TO],
      [END - 60, END + 1],
    ].map(([from = 0, to = 0]) => most(from, to, (sample) => sample[what]))
    process.stdout.write(`  ${what.padEnd(8)} ${figures.join('  ')}\n`)
  }
}

async function plot(samples: Sample[]): Promise<void> {
  const series = (label: string, of: (sample: Sample) => number) => ({
    label,
    points: samples.map((sample): [number, number] => [sample.at, of(sample)]),
  })
  await writePlot(
    PLOT,
    [
      {
        title: 'Memory of the server',
        unit: 'MB',
        series: [series('gateway', ({ gateway }) => gateway), series('FFmpegs', ({ ffmpegs }) => ffmpegs)],
      },
      { title: 'Memory of the page', unit: 'MB', series: [series('page', ({ page }) => page)] },
    ],
    [{ from: BAD_FROM, to: BAD_TO, label: 'target hangs, a viewer reads nothing, uplink at 0.25 Mbit/s' }],
  )
  process.stdout.write(`written: ${PLOT}\n`)
}
