import { setTimeout as delay } from 'node:timers/promises'
import { FAKE_CAMERA, startBrowser } from '../e2e/support/browser.ts'
import { startGateway, type TestGateway } from '../e2e/support/gateway.ts'
import { until } from '../e2e/support/wait.ts'
import { cpuOf, usedBetween } from './support/cpu.ts'
import { spread } from './support/figures.ts'

const ROUNDS = 3
const MEASURED_MS = 15_000

/**
 * What the page's one track of pictures that never ends costs: CPU seconds a second of all processes of a Chromium that broadcasts its made-up
 * camera in 720p30, with it and without it, one after the other.
 */
export async function run(): Promise<void> {
  const gateway = await startGateway(['--rtmp', 'embedded'])
  const [plain, pumped]: [number[], number[]] = [[], []]
  try {
    for (let round = 0; round < ROUNDS; round++) {
      plain.push(await costOfPage(gateway, `plain-${round}`, false))
      pumped.push(await costOfPage(gateway, `pumped-${round}`, true))
      process.stdout.write(
        `round ${round + 1}: without ${plain.at(-1)?.toFixed(2)}, with ${pumped.at(-1)?.toFixed(2)}\n`,
      )
    }
  } finally {
    await gateway.stop()
  }
  const ratios = pumped.map((seconds, index) => seconds / (plain[index] ?? Number.NaN))
  process.stdout.write(`\nCPU seconds a second of the browser, 720p30: median (least–most) of ${ROUNDS}\n`)
  process.stdout.write(
    `  the camera's own track   ${spread(plain, 2)}\n  the track without end    ${spread(pumped, 2)}\n`,
  )
  process.stdout.write(`  ratio                    ${spread(ratios, 2)}\n`)
}

async function costOfPage(gateway: TestGateway, stream: string, isPumped: boolean): Promise<number> {
  const browser = await startBrowser(FAKE_CAMERA)
  try {
    const context = await browser.newContext({ permissions: ['camera', 'microphone'] })
    if (!isPumped) await context.addInitScript(() => Reflect.deleteProperty(globalThis, 'MediaStreamTrackGenerator'))
    const page = await context.newPage()
    await page.goto(`${gateway.url}/?stream=${stream}`)
    await page.getByRole('button', { name: 'Broadcast' }).click()
    await until('media of it', async () => ((await gateway.stream(stream))?.bytesIn ?? 0) > 100_000)
    // The gateway is a child of this process as well.
    const read = async () => {
      const own = await cpuOf(gateway.program.process.pid ?? 0)
      return new Map([...(await cpuOf(process.pid))].filter(([key]) => !own.has(key)))
    }
    const began = performance.now()
    const before = await read()
    await delay(MEASURED_MS)
    const used = usedBetween(before, await read())
    const seconds = (performance.now() - began) / 1000
    await page.getByRole('button', { name: 'Stop' }).click()
    await page.getByText('The broadcast has ended').waitFor()
    return [...used].filter(([name]) => name.includes('chrom')).reduce((sum, [, cpu]) => sum + cpu, 0) / seconds
  } finally {
    await browser.close()
  }
}
