import { startBrowser } from '../e2e/support/browser.ts'
import { startGateway, startLoop } from '../e2e/support/gateway.ts'
import { freePort } from '../e2e/support/resources.ts'
import { startRtmpSink } from '../e2e/support/rtmp-sink.ts'
import { startFront } from '../e2e/support/servers.ts'
import { ADMIN, ADMIN_KEY } from '../e2e/support/tokens.ts'
import { spread } from './support/figures.ts'

const ROUNDS = 10

/** How long it takes until the dashboard says, at the top, that a target that was live has failed. */
export async function run(): Promise<void> {
  const options = ['--rtmp', 'embedded', '--target-hosts', '127.0.0.0/8']
  const gateway = await startGateway(options, { CASTGATE_ADMIN_KEY: ADMIN_KEY })
  const sink = await startRtmpSink()
  const browser = await startBrowser([])
  const loop = await startLoop(gateway, 'cam')
  try {
    const page = await browser.newPage()
    await page.goto(`${gateway.url}/admin`)
    await page.getByLabel('Admin key').fill(ADMIN_KEY)
    await page.getByRole('button', { name: 'Open the dashboard' }).click()
    await page.getByText('All is well.').waitFor()
    const port = await freePort()
    const body = JSON.stringify({ name: 'Backup', url: `rtmp://127.0.0.1:${port}/live`, key: 'key' })
    const seconds: number[] = []
    for (let round = 0; round < ROUNDS; round++) {
      const front = await startFront(sink.port, port)
      await fetch(`${gateway.url}/api/streams/cam/targets`, { method: 'POST', headers: ADMIN, body })
      await page.locator('castgate-targets').getByText('live', { exact: true }).waitFor()
      const began = performance.now()
      await front.close()
      await page.locator('.worst').getByText('does not reach Backup').waitFor()
      seconds.push((performance.now() - began) / 1000)
      await page.getByRole('button', { name: 'Remove: Backup' }).click()
      await page.getByText('All is well.').waitFor()
    }
    process.stdout.write(`Seconds, median (least–most) of ${ROUNDS}\n`)
    process.stdout.write(
      `  from the end of a target's connection until the dashboard says so   ${spread(seconds, 2)}\n`,
    )
  } finally {
    await loop.stop()
    await browser.close()
    await gateway.stop()
    await sink.close()
  }
}
