import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { clockRecording } from './support/clock.ts'
import { readFrames } from './support/clock-reader.ts'
import { startGateway } from './support/gateway.ts'
import { FFMPEG, ffmpeg } from './support/media.ts'
import { inBlobs, ingestUrl, publish, type Recording } from './support/publisher.ts'
import { freePort, temporaryDirectory } from './support/resources.ts'
import { playRtmp } from './support/rtmp-player.ts'
import { isListening } from './support/rtmp-sink.ts'
import { WITH_KEY } from './support/tokens.ts'
import { until } from './support/wait.ts'

const FRAMES = 300
const counting = Array.from({ length: FRAMES }, (_, index) => index + 1)

let directory: Awaited<ReturnType<typeof temporaryDirectory>>
let clock: Recording
let file: string
beforeAll(async () => {
  directory = await temporaryDirectory()
  const recording = await clockRecording(320, 240, FRAMES)
  clock = inBlobs('clock', recording, FRAMES / 30)
  const whole = `${directory.path}/clock.mkv`
  file = `${directory.path}/clock.flv`
  await writeFile(whole, recording)
  const x264 = ['-c:v', 'libx264', '-preset', 'ultrafast', '-g', '30', '-bf', '0', '-c:a', 'aac', '-f', 'flv', file]
  expect((await ffmpeg(['-v', 'error', '-i', whole, ...x264])).code).toBe(0)
})
afterAll(() => directory.remove())

/** Runs a program until the function that it gives is called. */
function running(program: string, args: string[]): () => Promise<void> {
  const child = spawn(program, args, { stdio: 'ignore' })
  return async () => {
    const closed = once(child, 'close')
    child.kill('SIGKILL')
    await closed
  }
}

describe('nginx-rtmp', () => {
  it('publishes to the gateway and plays from it, as its relays do, without a frame missing', async () => {
    const gateway = await startGateway(['--rtmp', 'embedded'])
    const port = await freePort()
    const door = `rtmp://127.0.0.1:${gateway.rtmpPort}/live`
    const user = process.getuid?.() === 0 ? 'user root;' : ''
    const rtmp = `rtmp { server { listen 127.0.0.1:${port};
      application in { live on; push ${door}; }
      application out { live on; pull ${door} name=relayed static; } } }`
    const module = 'load_module /usr/lib/nginx/modules/ngx_rtmp_module.so;'
    const main = `${module} ${user} daemon off; master_process off; pid ${directory.path}/pid; error_log stderr crit; events {} ${rtmp}`
    await writeFile(`${directory.path}/nginx.conf`, main)
    const stop = running('nginx', ['-p', directory.path, '-c', `${directory.path}/nginx.conf`])
    await until('nginx listens', () => isListening(port))
    // Its relay has lost what came before it was connected.
    const player = await playRtmp(`rtmp://127.0.0.1:${port}/out/relayed`, FRAMES / 2)
    const encoder = ['-v', 'error', '-re', '-i', file, '-c', 'copy', '-f', 'flv', `rtmp://127.0.0.1:${port}/in/relayed`]
    const published = ffmpeg(encoder)
    await until('it is live', async () => (await gateway.stream('relayed'))?.state === 'live')
    const frames = await readFrames(await player.played)
    const first = frames[0] ?? 0
    expect(frames).toEqual(counting.slice(first - 1, first - 1 + frames.length))
    expect(frames.length).toBeGreaterThanOrEqual(FRAMES / 2)
    expect((await published).code).toBe(0)
    await stop()
    await gateway.stop()
  })
})

describe('node-media-server', () => {
  it('is a target that gets every frame', async () => {
    const [rtmpPort, httpPort] = [await freePort(), await freePort()]
    const script = fileURLToPath(new URL('../bench/support/node-media-server.mjs', import.meta.url))
    const stop = running(process.execPath, [script, `${rtmpPort}`, `${httpPort}`, directory.path])
    await until('it listens', () => isListening(rtmpPort))
    const targets = `target-hosts: [127.0.0.1]\ntargets:\n  - { name: nms, url: 'rtmp://127.0.0.1:${rtmpPort}/live', key-env: FAR_KEY, streams: '*' }\n`
    await writeFile(`${directory.path}/castgate.yaml`, targets)
    const gateway = await startGateway(['--rtmp', 'embedded', '--config', `${directory.path}/castgate.yaml`], {
      ...WITH_KEY,
      FAR_KEY: 'far',
    })
    const player = await playRtmp(`rtmp://127.0.0.1:${rtmpPort}/live/far`, FRAMES)
    await publish(ingestUrl(gateway, 'near'), clock)
    expect(await readFrames(await player.played)).toEqual(counting)
    await gateway.stop()
    await stop()
  })
})

describe('rtmpdump', () => {
  it('reads what an encoder publishes, and stops at its end', async () => {
    const gateway = await startGateway(['--rtmp', 'embedded'])
    const url = `rtmp://127.0.0.1:${gateway.rtmpPort}/live/dumped`
    const encoder = spawn(FFMPEG, ['-v', 'error', '-re', '-i', file, '-c', 'copy', '-f', 'flv', url], {
      stdio: 'ignore',
    })
    const done = once(encoder, 'close')
    await until('it is live', async () => (await gateway.stream('dumped'))?.state === 'live')
    const dump = spawn('rtmpdump', ['--quiet', '--live', '-r', url, '-o', '-'], { stdio: ['ignore', 'pipe', 'ignore'] })
    const bytes: Buffer[] = []
    dump.stdout.on('data', (more: Buffer) => bytes.push(more))
    await Promise.all([once(dump, 'close'), done])
    const frames = await readFrames(Buffer.concat(bytes))
    expect(frames.at(-1)).toBe(FRAMES)
    expect(frames).toEqual(counting.slice(-frames.length))
    expect(frames.length).toBeGreaterThan(200)
    await gateway.stop()
  })
})
