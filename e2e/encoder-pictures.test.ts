import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { fetchBytes, readyRecording } from './support/archive.ts'
import { clockRecording } from './support/clock.ts'
import { readFrames } from './support/clock-reader.ts'
import { descendantsOf, signal, startGateway, type TestGateway } from './support/gateway.ts'
import { decode, FFMPEG, ffmpeg } from './support/media.ts'
import { temporaryDirectory } from './support/resources.ts'
import { WITH_KEY } from './support/tokens.ts'
import { until } from './support/wait.ts'

/** Seconds between keyframes: 2 is what platforms tell users of OBS to set, and 10 is the most that x264 makes of its own. */
const GOPS = [1, 2, 5, 10]
const RATE = 30
const FRAMES = 12 * RATE

const encoding = (gop: number) => {
  const x264 = ['-c:v', 'libx264', '-preset', 'ultrafast', '-tune', 'zerolatency', '-sc_threshold', '0']
  return [...x264, '-g', `${gop * RATE}`, '-keyint_min', `${gop * RATE}`, '-c:a', 'aac']
}

let directory: Awaited<ReturnType<typeof temporaryDirectory>>
const clip = (gop: number) => `${directory.path}/gop-${gop}.flv`
beforeAll(async () => {
  directory = await temporaryDirectory()
  const clock = `${directory.path}/clock.mkv`
  await writeFile(clock, await clockRecording(320, 240, FRAMES))
  for (const gop of GOPS) {
    const { code, stderr } = await ffmpeg(['-v', 'error', '-i', clock, ...encoding(gop), '-f', 'flv', clip(gop)])
    expect([code, stderr]).toEqual([0, ''])
  }
})
afterAll(() => directory.remove())

/** Publishes as OBS or a script would: in real time, without a wait after it was let in. */
function publish(gateway: TestGateway, name: string, gop: number, codecs: string[], input: string[] = []) {
  const target = `rtmp://127.0.0.1:${gateway.rtmpPort}/live/${name}`
  const args = ['-v', 'error', ...input, '-re', '-i', clip(gop), ...codecs, '-f', 'flv', target]
  const encoder = spawn(FFMPEG, args, { stdio: ['ignore', 'ignore', 'ignore'] })
  return { encoder, exited: once(encoder, 'close') }
}

const FOR_EVER = ['-stream_loop', '-1']

/** Expects that one who watches over HTTP-FLV is shown a picture. */
async function expectPicture(gateway: TestGateway, name: string): Promise<void> {
  const { playback } = (await gateway.stream(name)) ?? {}
  const picture = ['-frames:v', '1', '-f', 'rawvideo', '-']
  const { code, stdout } = await ffmpeg(['-v', 'error', '-i', playback?.flv ?? '', ...picture])
  expect([name, code, stdout.length > 0]).toEqual([name, 0, true])
}

/** Numbers of the clock, from `first` on. */
const numbers = (first: number, length: number) => Array.from({ length }, (_, index) => first + index)

describe.each(['nginx', 'embedded'])('an encoder that publishes to the %s server', (rtmp) => {
  let gateway: TestGateway
  beforeAll(async () => {
    gateway = await startGateway(['--rtmp', rtmp, '--record', '--disk-floor', '1MB'], WITH_KEY)
  })
  afterAll(() => gateway.stop())

  it('has every picture from the first one on, whatever is between keyframes, copied and encoded', async () => {
    const cases = GOPS.flatMap((gop) => [
      { name: `copied-${gop}`, gop, codecs: ['-c', 'copy'] },
      { name: `encoded-${gop}`, gop, codecs: encoding(gop) },
    ])
    await Promise.all(cases.map(({ name, gop, codecs }) => publish(gateway, name, gop, codecs).exited))
    for (const { name } of cases) {
      const mp4 = await fetchBytes((await readyRecording(gateway, name)).play)
      expect([name, await readFrames(mp4)]).toEqual([name, numbers(1, FRAMES)])
      expect([name, (await decode(mp4)).audioSeconds]).toEqual([name, expect.closeTo(FRAMES / RATE, 0)])
    }
  })

  it('has its picture where it is transcoded, and again after that FFmpeg was killed', async () => {
    const codecs = ['-c:v', 'flv1', '-g', `${2 * RATE}`, '-c:a', 'libmp3lame']
    const { encoder, exited } = publish(gateway, 'old', 2, codecs, FOR_EVER)
    await until('it is live', async () => {
      const found = await gateway.stream('old')
      return found?.state === 'live' && found.video?.action === 'transcode'
    })
    await expectPicture(gateway, 'old')
    const transcoders = [...(await descendantsOf(gateway.program.process.pid ?? 0))].filter(
      ([, name]) => name === 'ffmpeg',
    )
    for (const [pid] of transcoders) signal(pid, 'SIGKILL')
    await until('another one goes on', async () => ((await gateway.stream('old'))?.epoch ?? 0) > 0)
    await expectPicture(gateway, 'old')
    encoder.kill('SIGKILL')
    await exited
  })
})
