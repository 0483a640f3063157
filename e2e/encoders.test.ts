import { type ChildProcess, spawn } from 'node:child_process'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startGateway, type TestGateway } from './support/gateway.ts'
import { HlsCollector } from './support/hls.ts'
import { decode, FFMPEG, ffmpeg } from './support/media.ts'
import { ingestUrl, TestSocket } from './support/publisher.ts'
import { temporaryDirectory } from './support/resources.ts'
import { until } from './support/wait.ts'

/** An encoder that publishes, and how it ended. */
function encoder(args: string[]): { process: ChildProcess; exited: Promise<{ code: number | null; stderr: string }> } {
  const process = spawn(FFMPEG, ['-v', 'error', ...args], { stdio: ['ignore', 'ignore', 'pipe'] })
  let stderr = ''
  process.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  return { process, exited: new Promise((resolve) => process.once('close', (code) => resolve({ code, stderr }))) }
}

let directory: Awaited<ReturnType<typeof temporaryDirectory>>
let input: string
beforeAll(async () => {
  directory = await temporaryDirectory()
  input = `${directory.path}/input.mp4`
  const source = ['-f', 'lavfi', '-i', 'testsrc2=size=320x240:rate=25', '-f', 'lavfi', '-i', 'sine=frequency=440']
  const { code } = await ffmpeg([
    ...source,
    '-t',
    '8',
    '-c:v',
    'libx264',
    '-preset',
    'ultrafast',
    '-g',
    '25',
    '-c:a',
    'aac',
    input,
  ])
  expect(code).toBe(0)
})
afterAll(() => directory.remove())

describe.each(['nginx', 'embedded'])('an encoder that publishes to the %s RTMP server', (rtmp) => {
  let gateway: TestGateway
  beforeAll(async () => {
    gateway = await startGateway(['--rtmp', rtmp])
  })
  afterAll(() => gateway.stop())

  const target = (name: string) => `rtmp://localhost:${gateway.rtmpPort}/live/${name}`

  it('is a stream like any other: listed, and played as HLS', async () => {
    const { exited } = encoder([
      '-re',
      '-i',
      input,
      '-c:v',
      'libx264',
      '-c:a',
      'aac',
      '-strict',
      'experimental',
      '-g',
      '25',
      '-f',
      'flv',
      target('stream'),
    ])
    const collector = new HlsCollector(`${gateway.url}/hls/stream.m3u8`)
    const listed = until('it is listed', async () => {
      const stream = await gateway.stream('stream')
      return stream?.state === 'live' && stream.video && stream.video.width > 0 ? stream : null
    })
    const { bytes } = await collector.collectUntil(exited)
    expect(await listed).toMatchObject({
      source: 'rtmp',
      video: { codec: 'h264', width: 320, height: 240, action: 'copy' },
      audio: { codec: 'aac', action: 'copy' },
    })
    const { errors, audioSeconds } = await decode(bytes)
    expect(errors).toBe('')
    expect(audioSeconds).toBeGreaterThan(5)
    await until('it is gone', async () => (await gateway.stream('stream')) === null)
    await until('its playlist ends', async () => {
      const playlist = await fetch(`${gateway.url}/hls/stream.m3u8`)
      return (await playlist.text()).includes('#EXT-X-ENDLIST')
    })
  })

  it('is refused under the name of a live broadcast', async () => {
    const publisher = await new TestSocket(ingestUrl(gateway, 'taken')).opened()
    publisher.send({ type: 'hello', session: null })
    await publisher.message('welcome')
    const { code } = await encoder(['-re', '-i', input, '-c', 'copy', '-f', 'flv', target('taken')]).exited
    expect(code).not.toBe(0)
    expect(await gateway.stream('taken')).toMatchObject({ source: 'recorder' })
    publisher.send({ type: 'end' })
    expect(await publisher.closed).toMatchObject({ code: 1000 })
  })

  it('keeps its name from a page, and gives it back when it is killed', async () => {
    const { process, exited } = encoder([
      '-re',
      '-stream_loop',
      '-1',
      '-i',
      input,
      '-c',
      'copy',
      '-f',
      'flv',
      target('mine'),
    ])
    await until('it is live', async () => (await gateway.stream('mine'))?.state === 'live')
    const page = await new TestSocket(ingestUrl(gateway, 'mine')).opened()
    page.send({ type: 'hello', session: null })
    expect(await page.closed).toMatchObject({ code: 4409, error: 'name_taken' })
    process.kill('SIGKILL')
    await exited
    await until('the name is free', async () => (await gateway.stream('mine')) === null)
  })

  it.each([
    ['Screen video', ['-c:v', 'flashsv', '-an'], 'flashsv'],
    ['Nellymoser', ['-vn', '-c:a', 'nellymoser', '-ar', '44100', '-ac', '1'], 'nellymoser'],
  ])('is disconnected, with a reason, where it sends %s', async (name, codecs, words) => {
    const stream = name.replace(' ', '-')
    const { exited } = encoder(['-re', '-stream_loop', '-1', '-i', input, ...codecs, '-f', 'flv', target(stream)])
    await exited
    await gateway.logged({ stream, code: 'unsupported_media', reason: new RegExp(words) })
    await until('the name is free', async () => (await gateway.stream(stream)) === null)
  })

  it('is transcoded on the bus where it sends older codecs', async () => {
    const { process, exited } = encoder([
      '-re',
      '-stream_loop',
      '-1',
      '-i',
      input,
      '-c:v',
      'flv1',
      '-c:a',
      'libmp3lame',
      '-f',
      'flv',
      target('old'),
    ])
    const stream = await until('it is live', async () => {
      const found = await gateway.stream('old')
      return found?.state === 'live' && found.video && found.video.width > 0 ? found : null
    })
    expect(stream).toMatchObject({ video: { action: 'transcode' }, audio: { action: 'transcode' } })
    const { code, stderr } = await ffmpeg(['-v', 'error', '-i', stream.playback.flv, '-t', '2', '-f', 'null', '-'])
    expect([code, stderr]).toEqual([0, ''])
    process.kill('SIGKILL')
    await exited
  })
})
