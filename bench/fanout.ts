import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { startGateway } from '../e2e/support/gateway.ts'
import { FFMPEG, ffmpeg } from '../e2e/support/media.ts'
import { castgate } from '../e2e/support/program.ts'
import { freePort, temporaryDirectory } from '../e2e/support/resources.ts'
import { until } from '../e2e/support/wait.ts'
import { cpuOf, usedBetween } from './support/cpu.ts'
import { overRtmp } from './support/rtmp-player.ts'
import { type Got, overHttp, type Talk, Viewers } from './support/viewers.ts'

const BITS = 2_500_000
/** Viewers at each step, until one falls behind. */
const STEPS = [50, 100, 200, 300, 400, 500, 600, 800, 1000, 1250, 1500, 2000, 3000, 4000, 5000, 6000, 7000, 8000]
const SETTLE_MS = 4_000
const MEASURE_MS = 8_000
/** A viewer who gets less of the stream has fallen behind. */
const ENOUGH = 0.9

/** A server with the stream. */
interface Peer {
  name: string
  pid: number
  /** Its ports for HTTP and RTMP, which is a port of 127.0.0.1 both times. */
  http: number
  rtmp: number
  stop(): Promise<void>
}

interface Step extends Got {
  viewers: number
  /** CPU seconds a second of the server and what it started, without what it takes with no viewer. */
  cpu: number
  /** Resident megabytes of the server. */
  memory: number
}

/** The ways to watch. */
const WAYS: { name: string; portOf(peer: Peer): number; talk: Talk }[] = [
  { name: 'FLV', portOf: ({ http }) => http, talk: overHttp('/live/fanout.flv') },
  { name: 'RTMP', portOf: ({ rtmp }) => rtmp, talk: overRtmp('live', 'fanout') },
]

/** How many viewers of one stream of 2.5 Mbit/s a server serves over HTTP-FLV and RTMP, beside node-media-server with the same load. */
export async function run(): Promise<void> {
  const directory = await temporaryDirectory()
  const file = `${directory.path}/stream.mp4`
  await writeStream(file)
  const results: { name: string; steps: Step[] }[] = []
  try {
    for (const start of [startCastgate, startNodeMediaServer]) {
      const peer = await start(file)
      try {
        for (const way of WAYS) {
          const name = `${peer.name}, ${way.name}`
          results.push({ name, steps: await climb(name, peer, new Viewers(way.portOf(peer), way.talk)) })
        }
      } finally {
        await peer.stop()
      }
    }
  } finally {
    await directory.remove()
  }
  report(results)
}

/** Half a minute of a moving picture at an even bitrate, with sound. */
async function writeStream(file: string): Promise<void> {
  const picture = ['-f', 'lavfi', '-i', 'testsrc2=size=1280x720:rate=30', '-f', 'lavfi', '-i', 'sine=sample_rate=48000']
  const rate = [
    '-b:v',
    '2400k',
    '-minrate',
    '2400k',
    '-maxrate',
    '2400k',
    '-bufsize',
    '2400k',
    '-x264-params',
    'nal-hrd=cbr',
  ]
  const codecs = [
    '-c:v',
    'libx264',
    '-preset',
    'veryfast',
    '-pix_fmt',
    'yuv420p',
    '-g',
    '60',
    '-c:a',
    'aac',
    '-b:a',
    '96k',
  ]
  const { code, stderr } = await ffmpeg(['-v', 'error', ...picture, '-t', '30', ...codecs, ...rate, '-y', file])
  if (code !== 0) throw new Error(stderr)
}

async function startCastgate(file: string): Promise<Peer> {
  const gateway = await startGateway(['--rtmp', 'nginx'])
  const push = castgate(['push', file, 'fanout', '--loop', '--port', `${gateway.port}`])
  await until('it is live', async () => (await gateway.stream('fanout'))?.state === 'live')
  return {
    name: 'Castgate',
    pid: gateway.program.process.pid ?? 0,
    http: gateway.port,
    rtmp: gateway.rtmpPort,
    async stop() {
      push.process.kill('SIGINT')
      await push.exited
      await gateway.stop()
    },
  }
}

async function startNodeMediaServer(file: string): Promise<Peer> {
  const store = await temporaryDirectory()
  const [rtmpPort, port] = [await freePort(), await freePort()]
  const script = fileURLToPath(new URL('support/node-media-server.mjs', import.meta.url))
  const server = spawn(process.execPath, [script, `${rtmpPort}`, `${port}`, store.path], { stdio: 'ignore' })
  await until('node-media-server listens', () =>
    fetch(`http://127.0.0.1:${port}/`).then(
      () => true,
      () => false,
    ),
  )
  const target = `rtmp://127.0.0.1:${rtmpPort}/live/fanout`
  const args = ['-v', 'error', '-re', '-stream_loop', '-1', '-i', file, '-c', 'copy', '-f', 'flv', target]
  const encoder = spawn(FFMPEG, args, { stdio: 'ignore' })
  await delay(2_000)
  return {
    name: 'node-media-server',
    pid: server.pid ?? 0,
    http: port,
    rtmp: rtmpPort,
    async stop() {
      for (const child of [encoder, server]) {
        const closed = once(child, 'close')
        child.kill('SIGKILL')
        await closed
      }
      await store.remove()
    },
  }
}

/** More and more viewers, until one falls behind. */
async function climb(name: string, peer: Peer, viewers: Viewers): Promise<Step[]> {
  const steps: Step[] = []
  try {
    const idle = await used(peer, () => delay(MEASURE_MS))
    for (const count of STEPS) {
      await viewers.growTo(count)
      await delay(SETTLE_MS)
      let got: Got | null = null
      const busy = await used(peer, async () => {
        got = await viewers.measure(MEASURE_MS)
      })
      if (got === null) break
      const step: Step = {
        ...(got as Got),
        viewers: count,
        cpu: busy - idle,
        memory: await residentMegabytes(peer.pid),
      }
      steps.push(step)
      process.stdout.write(`${name}: ${words(step)}\n`)
      if (step.least < ENOUGH * BITS || step.connected < count) break
    }
  } finally {
    viewers.close()
  }
  return steps
}

/** CPU seconds a second of the server and what it started, while `work` goes on. */
async function used(peer: Peer, work: () => Promise<void>): Promise<number> {
  const before = await cpuOf(peer.pid)
  const from = performance.now()
  await work()
  const seconds = (performance.now() - from) / 1000
  return [...usedBetween(before, await cpuOf(peer.pid)).values()].reduce((sum, value) => sum + value, 0) / seconds
}

async function residentMegabytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) / 1024
}

function words({ viewers, least, median, cpu, memory }: Step): string {
  const bits = `${(least / 1e6).toFixed(2)} Mbit/s for the least, ${(median / 1e6).toFixed(2)} in the middle`
  return `${viewers} viewers: ${bits}; CPU ${cpu.toFixed(3)} s a second, ${Math.round(memory)} MB`
}

function report(results: { name: string; steps: Step[] }[]): void {
  process.stdout.write('\nThe last step at which every viewer got the whole stream\n')
  process.stdout.write('                           viewers  viewers per CPU second  CPU a viewer  memory a viewer\n')
  for (const { name, steps } of results) {
    const good = steps.filter(({ least, connected, viewers }) => least >= ENOUGH * BITS && connected === viewers)
    const [first, last] = [steps[0], good.at(-1)]
    if (!first || !last) continue
    const cpu = `${((last.cpu / last.viewers) * 1e6).toFixed(0)} µs/s`.padStart(13)
    const memory = `${(((last.memory - first.memory) / Math.max(1, last.viewers - first.viewers)) * 1024).toFixed(0)} KiB`
    const ratio = (last.viewers / last.cpu).toFixed(0).padStart(23)
    process.stdout.write(
      `  ${name.padEnd(24)} ${String(last.viewers).padStart(7)} ${ratio} ${cpu} ${memory.padStart(16)}\n`,
    )
  }
}
