import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { pino } from 'pino'
import { FAKE_CAMERA, startBrowser } from '../e2e/support/browser.ts'
import { startGateway, type TestGateway } from '../e2e/support/gateway.ts'
import { FFMPEG, ffmpeg } from '../e2e/support/media.ts'
import { ingestUrl, mediaPath, publish, type Recording, readRecording } from '../e2e/support/publisher.ts'
import { freePort, temporaryDirectory } from '../e2e/support/resources.ts'
import { until } from '../e2e/support/wait.ts'
import { findNginx } from '../server/nginx/program.ts'
import { startNginx } from '../server/nginx/server.ts'
import { TIMESLICE_MS } from '../shared/limits.ts'
import { cpuOf, usedBetween } from './support/cpu.ts'
import { spread } from './support/figures.ts'

const ROUNDS = 3
const CLICKS = 5
/** The recording is played this often, one after the other: Linux counts CPU time in hundredths of a second. */
const LOOPS = 4
/** The part of it that is measured: after the start, and before the end. */
const FROM_MS = 3_000
const TO_MS = 43_000

/**
 * What a 720p30 H.264 broadcast costs in CPU seconds a second, beside one bare FFmpeg that pushes the same recording to an nginx with
 * the same configuration; and how long a viewer waits after the click on Broadcast.
 */
export async function run(): Promise<void> {
  const recording = await looped(await readRecording('chrome-h264.webm'), LOOPS)
  const gateway = await startGateway(['--rtmp', 'nginx'])
  try {
    const ours: number[] = []
    const bare: number[] = []
    const parts = new Map<string, number[]>()
    for (let round = 0; round < ROUNDS; round++) {
      const used = await costOfGateway(gateway, recording, `cost-${round}`)
      for (const [name, seconds] of used) parts.set(name, [...(parts.get(name) ?? []), seconds])
      ours.push(sum(used))
      bare.push(sum(await costOfBareFfmpeg(recording)))
      process.stdout.write(
        `round ${round + 1}: Castgate ${ours.at(-1)?.toFixed(4)}, bare FFmpeg ${bare.at(-1)?.toFixed(4)}\n`,
      )
    }
    process.stdout.write(
      `\nCPU seconds a second, 720p30 H.264 and Opus, all processes and nginx: median (least–most) of ${ROUNDS}\n`,
    )
    process.stdout.write(`  bare FFmpeg  ${spread(bare, 4)}\n  Castgate     ${spread(ours, 4)}\n`)
    for (const [name, seconds] of parts) process.stdout.write(`    ${name.padEnd(10)} ${spread(seconds, 4)}\n`)
    process.stdout.write(
      `  ratio        ${spread(
        ours.map((seconds, index) => seconds / (bare[index] ?? Number.NaN)),
        2,
      )}\n`,
    )
    await timesAfterClick(gateway)
  } finally {
    await gateway.stop()
  }
}

/** One long recording of a short one, in blobs of as many milliseconds: its pictures and sound as they are, in one Matroska file. */
async function looped(recording: Recording, times: number): Promise<Recording> {
  const path = mediaPath(recording.name)
  const args = [
    '-v',
    'error',
    '-stream_loop',
    String(times - 1),
    '-i',
    path,
    '-c',
    'copy',
    '-f',
    'matroska',
    '-live',
    '1',
    'pipe:1',
  ]
  const { stdout: bytes } = await ffmpeg(args)
  const length = (recording.blobs.at(-1)?.at ?? 0) * times
  const count = Math.floor(length / TIMESLICE_MS)
  const size = Math.ceil(bytes.length / count)
  const blobs = Array.from({ length: count }, (_, index) => ({
    at: (index + 1) * TIMESLICE_MS,
    bytes: bytes.subarray(index * size, (index + 1) * size),
  }))
  return { name: recording.name, bytes, blobs }
}

async function costOfGateway(gateway: TestGateway, recording: Recording, name: string): Promise<Map<string, number>> {
  const published = publish(ingestUrl(gateway, name), recording)
  const used = await usedWhile(() => cpuOf(gateway.program.process.pid ?? 0))
  await published
  return used
}

async function costOfBareFfmpeg(recording: Recording): Promise<Map<string, number>> {
  const directory = await temporaryDirectory()
  const search = await findNginx('nginx')
  if (search.kind !== 'found') throw new Error('This benchmark needs nginx with its RTMP module.')
  const hlsPort = await freePort()
  const places = { directory: join(directory.path, 'nginx'), hlsDirectory: join(directory.path, 'hls') }
  const options = {
    program: search.program,
    host: '127.0.0.1',
    hlsPort,
    ...places,
    isPrivate: false,
    origins: [],
    log: pino({ level: 'silent' }),
  }
  const nginx = await startNginx(options)
  const { app, host, port, key } = nginx.placeOf('bare')?.address ?? { app: '', host: '', port: 0, key: '' }
  try {
    const args = [
      '-v',
      'error',
      '-f',
      'matroska',
      '-i',
      'pipe:0',
      '-c:v',
      'copy',
      '-c:a',
      'aac',
      '-f',
      'flv',
      `rtmp://${host}:${port}/${app}/${key}`,
    ]
    const bare = spawn(FFMPEG, args, { stdio: ['pipe', 'inherit', 'inherit'] })
    const exited = new Promise((resolve) => bare.once('close', resolve))
    const fed = feed(recording, bare.stdin)
    const used = await usedWhile(async () => {
      const all = await cpuOf(process.pid)
      // Of this process's children: FFmpeg and nginx, and not the gateway beside them.
      return new Map([...all].filter(([key]) => key === `${bare.pid} ffmpeg` || key.endsWith(' nginx')))
    })
    await fed
    await exited
    return used
  } finally {
    await nginx.close()
    await directory.remove()
  }
}

async function feed(recording: Recording, to: NodeJS.WritableStream): Promise<void> {
  const began = performance.now()
  for (const blob of recording.blobs) {
    await delay(Math.max(0, blob.at - (performance.now() - began)))
    to.write(blob.bytes)
  }
  to.end()
}

/** CPU seconds a second, by program, of the measured part of a broadcast that begins now. */
async function usedWhile(read: () => Promise<Map<string, number>>): Promise<Map<string, number>> {
  await delay(FROM_MS)
  const began = performance.now()
  const before = await read()
  await delay(TO_MS - FROM_MS)
  const after = await read()
  const seconds = (performance.now() - began) / 1000
  return new Map([...usedBetween(before, after)].map(([name, used]) => [name, used / seconds]))
}

/** Presses Broadcast in a browser, and looks when the first picture is at nginx, and when the first segment is there. */
async function timesAfterClick(gateway: TestGateway): Promise<void> {
  const browser = await startBrowser(FAKE_CAMERA)
  const toNginx: number[] = []
  const toSegment: number[] = []
  try {
    for (let round = 0; round < CLICKS; round++) {
      const name = `click-${round}`
      const page = await browser.newPage()
      await page.goto(gateway.url)
      await page.getByRole('button', { name: 'Turn on camera' }).click()
      await page.locator('video').waitFor()
      await page.getByLabel('Stream name').fill(name)
      const clicked = performance.now()
      await page.getByRole('button', { name: 'Broadcast' }).click()
      await until(
        'a picture is at nginx',
        async () => {
          const stat = await (await fetch(`http://127.0.0.1:${gateway.hlsPort}/stat`)).text()
          const [, stream = ''] = stat.split(`<name>${name}</name>`)
          return (
            Number(/<bw_video>(\d+)/.exec(stream)?.[1] ?? 0) > 0 ||
            /<video><width>/.test(stream.split('</stream>')[0] ?? '')
          )
        },
        10,
      )
      toNginx.push((performance.now() - clicked) / 1000)
      await until(
        'a segment is there',
        async () => {
          const answer = await fetch(`${gateway.url}/hls/${name}.m3u8`)
          return (await answer.text()).includes('.ts')
        },
        10,
      )
      toSegment.push((performance.now() - clicked) / 1000)
      await page.getByRole('button', { name: 'Stop' }).click()
      await page.getByText('The broadcast has ended').waitFor()
      await page.close()
    }
  } finally {
    await browser.close()
  }
  process.stdout.write(`\nSeconds after the click on Broadcast (camera on before), median (least–most) of ${CLICKS}\n`)
  process.stdout.write(`  picture at nginx   ${spread(toNginx, 2)}\n  first HLS segment  ${spread(toSegment, 2)}\n`)
}

function sum(used: Map<string, number>): number {
  return [...used.values()].reduce((total, seconds) => total + seconds, 0)
}
