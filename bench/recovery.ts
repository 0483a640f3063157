import { setTimeout as delay } from 'node:timers/promises'
import { descendantsOf, ingestFfmpegs, startGateway, type TestGateway } from '../e2e/support/gateway.ts'
import { castgate } from '../e2e/support/program.ts'
import { mediaPath } from '../e2e/support/publisher.ts'
import { until } from '../e2e/support/wait.ts'
import { FlvReader } from '../server/flv/reader.ts'
import { spread } from './support/figures.ts'

const ROUNDS = 5
/** More losses of FFmpeg in a minute than three count as the recording's fault. */
const BETWEEN_KILLS_MS = 21_000

/** How long a broadcast stands still for its viewers when its FFmpeg is killed, and when nginx is. */
export async function run(): Promise<void> {
  const gateway = await startGateway(['--rtmp', 'nginx'])
  const push = castgate(['push', mediaPath('chrome-h264.mp4'), 'recovery', '--loop', '--port', `${gateway.port}`])
  try {
    const target = async () => (await gateway.stream('recovery'))?.targets[0]?.state
    await until('it is live', async () => (await target()) === 'live')
    const stopped: number[] = []
    for (let round = 0; round < ROUNDS; round++) {
      stopped.push(await pauseAfterKill(gateway))
      process.stdout.write(`FFmpeg killed: ${stopped.at(-1)?.toFixed(2)} s without a tag\n`)
      await delay(BETWEEN_KILLS_MS)
    }
    const again: number[] = []
    for (let round = 0; round < ROUNDS; round++) {
      for (const [pid, name] of await descendantsOf(gateway.program.process.pid ?? 0)) {
        if (name === 'nginx') process.kill(pid, 'SIGKILL')
      }
      await until('it is lost', async () => (await target()) === 'retrying', 10)
      await until('nginx is back', async () => (await fetch(`${gateway.url}/healthz`)).ok, 10)
      const back = performance.now()
      await until('it is live again', async () => (await target()) === 'live', 10)
      again.push((performance.now() - back) / 1000)
    }
    process.stdout.write(`\nSeconds, median (least–most) of ${ROUNDS}\n`)
    process.stdout.write(`  without a tag after FFmpeg was killed    ${spread(stopped, 2)}\n`)
    process.stdout.write(`  from nginx's return to being published   ${spread(again, 2)}\n`)
  } finally {
    push.process.kill('SIGINT')
    await push.exited
    await gateway.stop()
  }
}

/** Kills the FFmpeg that reads the recording, and gives the longest time without a tag in the seconds after that. */
async function pauseAfterKill(gateway: TestGateway): Promise<number> {
  const watching = new AbortController()
  const answer = await fetch(`${gateway.url}/live/recovery.flv`, { signal: watching.signal })
  const reader = new FlvReader()
  const arrivals: number[] = []
  const watched = (async () => {
    for await (const bytes of answer.body ?? []) {
      for (const _ of reader.read(Buffer.from(bytes as Uint8Array))) arrivals.push(performance.now())
    }
  })().catch((error: unknown) => {
    if (!watching.signal.aborted) throw error
  })
  await until('tags come', () => arrivals.length > 0)
  const [pid] = await ingestFfmpegs(gateway)
  process.kill(pid ?? 0, 'SIGKILL')
  const killed = performance.now()
  await delay(8_000)
  watching.abort()
  await watched
  const after = arrivals.filter((at) => at >= killed)
  return Math.max(...after.map((at, index) => at - (after[index - 1] ?? killed))) / 1000
}
