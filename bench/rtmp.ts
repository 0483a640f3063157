import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { startGateway, type TestGateway } from '../e2e/support/gateway.ts'
import { FFMPEG } from '../e2e/support/media.ts'
import { mediaPath } from '../e2e/support/publisher.ts'
import { until } from '../e2e/support/wait.ts'
import { FlvReader } from '../server/flv/reader.ts'
import { encodeTag, kindOf, TAG_TYPE, type Tag } from '../server/flv/tag.ts'
import { publishRtmp } from '../server/rtmp/publish.ts'
import { cpuOf, usedBetween } from './support/cpu.ts'
import { spread } from './support/figures.ts'

/** Encoders that publish at the same time, and how long they are watched. */
const ENCODERS = Number(process.env.CASTGATE_BENCH_ENCODERS ?? 12)
const MEASURE_MS = 20_000
const ROUNDS = 3
/** Pictures whose delay is taken, 30 a second. */
const PICTURES = 600
const RATE = 30

/** What an encoder that publishes over RTMP costs, of all processes of the gateway, and how late a viewer over FLV gets what it sends. */
export async function run(): Promise<void> {
  const gateway = await startGateway(['--rtmp', 'nginx'])
  try {
    await costs(gateway)
    await delays(gateway)
  } finally {
    await gateway.stop()
  }
}

async function costs(gateway: TestGateway): Promise<void> {
  const encoders = Array.from({ length: ENCODERS }, (_, index) => {
    const target = `rtmp://127.0.0.1:${gateway.rtmpPort}/live/encoder-${index}`
    const input = ['-re', '-stream_loop', '-1', '-i', mediaPath('synthetic-h264-aac.mp4')]
    return spawn(FFMPEG, ['-v', 'quiet', ...input, '-c', 'copy', '-f', 'flv', target], { stdio: 'ignore' })
  })
  const names = encoders.map((_, index) => `encoder-${index}`)
  for (const name of names) await until('it is live', async () => (await gateway.stream(name))?.state === 'live')
  await delay(3_000)
  const all: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const before = await cpuOf(gateway.program.process.pid ?? 0)
    const from = performance.now()
    await delay(MEASURE_MS)
    const seconds = (performance.now() - from) / 1000
    const used = usedBetween(before, await cpuOf(gateway.program.process.pid ?? 0))
    all.push([...used.values()].reduce((sum, value) => sum + value, 0) / seconds / ENCODERS)
    process.stdout.write(
      `  ${[...used].map(([name, value]) => `${name} ${(value / seconds / ENCODERS).toFixed(4)}`).join(', ')}\n`,
    )
  }
  process.stdout.write(`${ENCODERS} encoders, CPU seconds a second for each: ${spread(all, 4)}\n`)
  for (const encoder of encoders) {
    const closed = once(encoder, 'close')
    encoder.kill('SIGKILL')
    await closed
  }
}

/** Sends pictures one by one, and notes when each comes out of HTTP-FLV. */
async function delays(gateway: TestGateway): Promise<void> {
  const address = { secure: false, host: '127.0.0.1', port: gateway.rtmpPort, app: 'live', key: 'delay' }
  const way = {
    name: 'the gateway',
    connect: () => connect(gateway.rtmpPort, '127.0.0.1').setNoDelay(),
    problem: String,
  }
  const publication = await publishRtmp(address, way, new AbortController().signal)
  const gone = new AbortController().signal
  const write = (tag: Tag) =>
    publication.write([{ kind: kindOf(tag), timestamp: tag.timestamp, bytes: encodeTag(tag) }], gone)
  const sps = Buffer.from('6742c0208c8d402802dd37010d0107844235', 'hex')
  const pps = Buffer.from('68ce3c80', 'hex')
  const record = [
    Buffer.from([1, ...sps.subarray(1, 4), 0xff, 0xe1, 0, sps.length]),
    sps,
    Buffer.from([1, 0, pps.length]),
    pps,
  ]
  await write({ type: TAG_TYPE.video, timestamp: 0, body: Buffer.concat([Buffer.from([0x17, 0, 0, 0, 0]), ...record]) })
  const sentAt: number[] = []
  const ages: number[] = []
  let watching: Promise<void> | null = null
  for (let index = 0; index < PICTURES + 3 * RATE; index++) {
    const body = Buffer.alloc(9_000, 1)
    body.set([index % (2 * RATE) === 0 ? 0x17 : 0x27, 1, 0, 0, 0])
    body.writeUInt32BE(index, 20)
    sentAt[index] = performance.now()
    await write({ type: TAG_TYPE.video, timestamp: Math.round((index * 1000) / RATE), body })
    if (index === 2 * RATE) watching = watch()
    await delay(1000 / RATE)
  }
  await publication.close(1_000)
  await watching
  ages.sort((a, b) => a - b)
  const quantile = (part: number) => (ages[Math.floor(part * (ages.length - 1))] ?? Number.NaN).toFixed(1)
  process.stdout.write(
    `from an encoder's packet to an FLV viewer, ms: p50 ${quantile(0.5)}, p95 ${quantile(0.95)} of ${ages.length}\n`,
  )

  async function watch(): Promise<void> {
    const reader = new FlvReader()
    const { body } = await fetch(`${gateway.url}/live/delay.flv`)
    let isBehind = true
    for await (const bytes of body ?? []) {
      const now = performance.now()
      for (const tag of reader.read(Buffer.from(bytes))) {
        if (tag.type !== TAG_TYPE.video || kindOf(tag) === 'video-header') continue
        const age = now - (sentAt[tag.body.readUInt32BE(20)] ?? now)
        // What it joins with is older.
        if (isBehind && age > 100) continue
        isBehind = false
        ages.push(age)
      }
    }
  }
}
