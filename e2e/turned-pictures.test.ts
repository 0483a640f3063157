import { writeFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { turnedMp4 } from '../server/containers/fixtures.ts'
import { readFrames, withoutRepeats } from './support/clock-reader.ts'
import { startGateway, type TestGateway } from './support/gateway.ts'
import { HlsCollector } from './support/hls.ts'
import { ffmpeg } from './support/media.ts'
import { castgate } from './support/program.ts'
import { ingestUrl, publish, readRecording } from './support/publisher.ts'
import { temporaryDirectory } from './support/resources.ts'

let gateway: TestGateway
beforeAll(async () => {
  gateway = await startGateway(['--rtmp', 'nginx'])
})
afterAll(() => gateway.stop())

/** The clock that stands upright in the file, where viewers see it turned clockwise by a quarter. */
async function turnedBack(bytes: Buffer): Promise<(number | null)[]> {
  const back = ['-vf', 'transpose=cclock', '-fps_mode', 'passthrough', '-enc_time_base', '1:90000']
  const args = ['-v', 'error', '-i', 'pipe:0', '-an', ...back, '-c:v', 'ffv1', '-f', 'matroska', 'pipe:1']
  const { code, stdout, stderr } = await ffmpeg(args, bytes)
  if (code !== 0) throw new Error(stderr)
  return withoutRepeats(await readFrames(stdout))
}

describe('a recording of a phone that was held upright, whose pictures lie on their side', () => {
  it.concurrent('is turned for viewers where a page sends it', async () => {
    const recording = await readRecording('chrome-h264.mp4')
    const bytes = turnedMp4(recording.bytes, 1)
    const collector = new HlsCollector(`${gateway.url}/hls/turned.m3u8`)
    const published = publish(ingestUrl(gateway, 'turned'), { ...recording, bytes, blobs: [{ at: 0, bytes }] })
    const came = await collector.collectUntil(published)
    expect(await turnedBack(came.bytes)).toEqual(await readFrames(recording.bytes))
  })

  it.concurrent('is turned for viewers where a file is pushed', async ({ onTestFinished }) => {
    const directory = await temporaryDirectory()
    onTestFinished(() => directory.remove())
    const recording = await readRecording('chrome-h264.mp4')
    const path = `${directory.path}/phone.mp4`
    await writeFile(path, turnedMp4(recording.bytes, 1))
    const program = castgate(['push', path, 'phone', '--port', `${gateway.port}`])
    const { bytes } = await new HlsCollector(`${gateway.url}/hls/phone.m3u8`).collectUntil(program.exited)
    expect(await program.exited).toBe(0)
    expect(await turnedBack(bytes)).toEqual(await readFrames(recording.bytes))
  })
})
