import { writeFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readFrames } from './support/clock-reader.ts'
import { startGateway, type TestGateway } from './support/gateway.ts'
import { HlsCollector } from './support/hls.ts'
import { decode, ffmpeg } from './support/media.ts'
import { castgate } from './support/program.ts'
import { mediaPath, readRecording } from './support/publisher.ts'
import { temporaryDirectory } from './support/resources.ts'
import { until } from './support/wait.ts'

let gateway: TestGateway
let directory: Awaited<ReturnType<typeof temporaryDirectory>>
beforeAll(async () => {
  directory = await temporaryDirectory()
  gateway = await startGateway(['--rtmp', 'nginx'])
})
afterAll(async () => {
  await gateway.stop()
  await directory.remove()
})

const toGateway = () => ['--port', `${gateway.port}`]

describe('castgate push', () => {
  it('broadcasts a file to a gateway: copied, every frame once, with lines of progress', async () => {
    const { exited, output } = castgate(['push', mediaPath('chrome-h264.mp4'), 'pushed', ...toGateway()])
    const collector = new HlsCollector(`${gateway.url}/hls/pushed.m3u8`)
    const listed = until('it is listed', async () => {
      const stream = await gateway.stream('pushed')
      return stream?.state === 'live' ? stream : null
    })
    const { bytes } = await collector.collectUntil(exited)
    expect(await exited).toBe(0)
    expect(await listed).toMatchObject({ source: 'file', video: { codec: 'h264', action: 'copy' } })
    expect(await readFrames(bytes)).toEqual(await readFrames((await readRecording('chrome-h264.mp4')).bytes))
    expect((await decode(bytes)).errors).toBe('')
    expect(output().stdout).toMatch(/^\d+:\d\d of 0:10, \d+ %, [\d.]+x$/m)
    expect(output().stdout).toContain('100 %')
  })

  it('keeps the order of pictures that are stored in another order (B-frames)', async () => {
    const path = `${directory.path}/b-frames.mp4`
    const source = [
      '-i',
      mediaPath('chrome-vp8.webm'),
      '-t',
      '6',
      '-c:v',
      'libx264',
      '-preset',
      'fast',
      '-bf',
      '3',
      '-g',
      '60',
      '-crf',
      '18',
    ]
    expect((await ffmpeg(['-v', 'error', ...source, '-c:a', 'aac', '-fps_mode', 'passthrough', path])).code).toBe(0)
    const { exited } = castgate(['push', path, 'b-frames', ...toGateway()])
    const { bytes } = await new HlsCollector(`${gateway.url}/hls/b-frames.m3u8`).collectUntil(exited)
    expect(await exited).toBe(0)
    const { stdout } = await ffmpeg(['-v', 'error', '-i', path, '-c', 'copy', '-f', 'mpegts', 'pipe:1'])
    expect(await readFrames(bytes)).toEqual(await readFrames(stdout))
  })

  it('pushes to an RTMP URL, under the name "stream" like the command that it stands for', async () => {
    const { exited } = castgate([
      'push',
      mediaPath('chrome-h264.webm'),
      `rtmp://127.0.0.1:${gateway.rtmpPort}/live/stream`,
    ])
    const { bytes } = await new HlsCollector(`${gateway.url}/hls/stream.m3u8`).collectUntil(exited)
    expect(await exited).toBe(0)
    expect(await readFrames(bytes)).toEqual(await readFrames((await readRecording('chrome-h264.webm')).bytes))
  })

  it('begins again with --loop, and ends cleanly on Ctrl-C', async () => {
    const program = castgate(['push', mediaPath('chrome-silent.webm'), 'looped', '--loop', ...toGateway()])
    await until('it is live', async () => (await gateway.stream('looped'))?.state === 'live')
    program.process.kill('SIGINT')
    expect(await program.exited).toBe(0)
    expect(await gateway.stream('looped')).toBeNull()
  })

  it.each<[string, () => Promise<string[]> | string[], number, RegExp]>([
    ['a file that is not there', () => ['nowhere.mp4', 'x'], 1, /nowhere\.mp4 is not there/],
    ['a file that is no media', async () => [await textFile(), 'x'], 1, /no video and no sound/],
    [
      'a name that is none',
      () => [mediaPath('chrome-vp8.webm'), 'not a name'],
      2,
      /neither an rtmp:\/\/ URL nor a stream name/,
    ],
    [
      'a gateway that is not there',
      () => [mediaPath('chrome-vp8.webm'), 'x', '--server', 'http://127.0.0.1:9'],
      1,
      /No gateway answers at 127\.0\.0\.1:9/,
    ],
    [
      'an RTMP server that is not there',
      () => [mediaPath('chrome-vp8.webm'), 'rtmp://127.0.0.1:9/live/secret-key'],
      1,
      /RTMP server/,
    ],
  ])('says what is wrong with %s', async (_, args, code, words) => {
    const { exited, output } = castgate(['push', ...(await args())])
    expect(await exited).toBe(code)
    expect(output().stderr).toMatch(words)
    expect(output().stderr).not.toContain('secret-key')
  })
})

async function textFile(): Promise<string> {
  const path = `${directory.path}/text.mp4`
  await writeFile(path, 'This is no video.')
  return path
}
