import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { encodeChunk } from '../shared/chunk.ts'
import { readFrames } from './support/clock-reader.ts'
import { descendantsOf, ingestFfmpegs, signal, startGateway, startLoop, type TestGateway } from './support/gateway.ts'
import { HlsCollector } from './support/hls.ts'
import { FFMPEG } from './support/media.ts'
import { ingestUrl, mediaPath, readRecording, TestSocket } from './support/publisher.ts'
import { NOT_KEPT, until } from './support/wait.ts'

/** The processes of the gateway's nginx: its master, and its workers. */
async function nginxOf(gateway: TestGateway): Promise<{ master: number; workers: number[] }> {
  const all = [...(await descendantsOf(gateway.program.process.pid ?? 0))].filter(([, name]) => name === 'nginx')
  const masters = all
    .map(([pid]) => pid)
    .filter((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('master'))
  const [master = 0] = masters
  return { master, workers: all.map(([pid]) => pid).filter((pid) => pid !== master) }
}

function isThere(pid: number): boolean {
  try {
    // One that is dead and not waited for holds nothing.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}

describe('nginx', () => {
  it('is started again where its master alone was killed, and nothing of the old one stays', async () => {
    const gateway = await startGateway(['--rtmp', 'nginx'])
    const beside = await startLoop(gateway, 'beside')
    await until('it is published', async () => (await gateway.stream('beside'))?.targets[0]?.state === 'live')
    const old = await nginxOf(gateway)
    expect(old.workers.length).toBeGreaterThan(0)
    signal(old.master, 'SIGKILL')
    await gateway.logged({ msg: 'nginx is back' })
    for (const pid of [old.master, ...old.workers]) expect([pid, isThere(pid)]).toEqual([pid, false])
    await until('the broadcast is published again', async () => {
      const target = (await gateway.stream('beside'))?.targets[0]
      return target?.state === 'live' && target.reconnects > 0
    })
    await beside.stop()
    await gateway.stop()
  })

  it('is ended with its workers, also where those hang', async () => {
    const gateway = await startGateway(['--rtmp', 'nginx'])
    const { workers } = await nginxOf(gateway)
    for (const pid of workers) signal(pid, 'SIGSTOP')
    // It ends with 0, and leaves nothing behind: `stop` looks.
    await gateway.stop()
  })

  it('is noticed where it hangs, and started again', { timeout: 120_000 }, async () => {
    const gateway = await startGateway(['--rtmp', 'nginx'])
    const { workers } = await nginxOf(gateway)
    for (const pid of workers) signal(pid, 'SIGSTOP')
    await gateway.logged({ reason: 'nginx hangs' })
    await gateway.logged({ msg: 'nginx is back' })
    const answer = await fetch(`http://127.0.0.1:${gateway.hlsPort}/`, NOT_KEPT)
    expect(answer.status).toBe(404)
    await gateway.stop()
  })

  it('that a killed gateway left, without its master, is ended by the next one', async () => {
    const gateway = await startGateway(['--rtmp', 'nginx'])
    const old = await nginxOf(gateway)
    const { program } = gateway
    program.process.kill('SIGKILL')
    await program.exited
    signal(old.master, 'SIGKILL')
    await until('its master has gone', () => !isThere(old.master))
    expect(old.workers.some(isThere)).toBe(true)
    const next = await startGateway([
      ...['--rtmp', 'nginx', '--data-dir', gateway.dataDir],
      ...['--port', `${gateway.port}`, '--rtmp-port', `${gateway.rtmpPort}`, '--hls-port', `${gateway.hlsPort}`],
    ])
    expect(old.workers.filter(isThere)).toEqual([])
    await next.stop()
  })

  it('lets the pages read its HLS that may, and no others', async () => {
    const site = 'https://site.example'
    const gateway = await startGateway(['--rtmp', 'nginx', '--origin', site, '--origin', 'https://other.example'])
    const beside = await startLoop(gateway, 'beside')
    const playlist = `http://127.0.0.1:${gateway.hlsPort}/hls/beside.m3u8`
    await until('there is HLS', async () => (await fetch(playlist, NOT_KEPT)).ok)
    const text = await (await fetch(playlist, NOT_KEPT)).text()
    const segment = new URL(text.split('\n').find((line) => line.endsWith('.ts')) ?? '', playlist).href
    for (const url of [playlist, segment]) {
      const allowed = async (origin: string) =>
        (await fetch(url, { headers: { ...NOT_KEPT.headers, origin } })).headers.get('access-control-allow-origin')
      expect([
        await allowed(site),
        await allowed('https://evil.example'),
        await allowed(`${site}.evil.example`),
      ]).toEqual([site, null, null])
    }
    await beside.stop()
    await gateway.stop()
  })
})

it('an FFmpeg that is lost while its epoch ends is replaced: no frame is missing', { timeout: 120_000 }, async () => {
  const gateway = await startGateway(['--rtmp', 'nginx'])
  const recording = await readRecording('chrome-h264.webm')
  const socket = await new TestSocket(ingestUrl(gateway, 'lost')).opened()
  const collector = new HlsCollector(`${gateway.url}/hls/lost.m3u8`)
  const sent = (async () => {
    socket.send({ type: 'hello', session: null })
    await socket.message('welcome')
    const epoch = (number: number, at: number) =>
      socket.send({ type: 'epoch', epoch: number, at, mimeType: 'video/webm' })
    let sequence = 0
    const sendAll = (number: number, blobs: Buffer[]) => {
      for (const payload of blobs) socket.send(encodeChunk({ epoch: number, sequence: sequence++, payload }))
    }
    const blobs = recording.blobs.map(({ bytes }) => bytes)
    epoch(0, 0)
    sendAll(0, blobs.slice(0, 10))
    await until('it is live', async () => (await gateway.stream('lost'))?.state === 'live')
    const [ingest = 0] = (await ingestFfmpegs(gateway)).slice(-1)
    // What comes now waits in it, until it is killed.
    signal(ingest, 'SIGSTOP')
    sendAll(0, blobs.slice(10))
    epoch(1, 60_000)
    sendAll(1, blobs.slice(0, 10))
    socket.send({ type: 'end' })
    await until('its input has ended', () => socket.messages.some(({ type }) => type === 'ack'))
    signal(ingest, 'SIGKILL')
    expect(await socket.closed).toMatchObject({ code: 1000 })
  })()
  const { bytes } = await collector.collectUntil(sent)
  const whole = await readFrames(recording.bytes)
  const seen = await readFrames(bytes)
  expect(seen.slice(0, whole.length)).toEqual(whole)
  await gateway.logged({ msg: 'FFmpeg was lost, another one goes on' })
  await gateway.stop()
})

describe.each(['nginx', 'embedded'])('an encoder at the %s RTMP server', (rtmp) => {
  it('that was killed comes back into its own broadcast, at once', { timeout: 120_000 }, async () => {
    const gateway = await startGateway(['--rtmp', rtmp])
    const encode = () =>
      spawn(
        FFMPEG,
        [
          ...['-v', 'quiet', '-re', '-stream_loop', '-1', '-i', mediaPath('synthetic-h264-aac.mp4'), '-c', 'copy'],
          ...['-f', 'flv', `rtmp://127.0.0.1:${gateway.rtmpPort}/live/blink`],
        ],
        { stdio: 'ignore' },
      )
    let encoder = encode()
    await until('it is live', async () => (await gateway.stream('blink'))?.state === 'live')
    const id = (await gateway.stream('blink'))?.id
    for (let round = 0; round < 3; round++) {
      encoder.kill('SIGKILL')
      encoder = encode()
      await until('it is live again', async () => {
        const stream = await gateway.stream('blink')
        return stream?.state === 'live' && stream.epoch > round && stream
      })
    }
    expect((await gateway.stream('blink'))?.id).toBe(id)
    expect(gateway.log().filter(({ msg }) => msg === 'an encoder was refused')).toEqual([])
    encoder.kill('SIGKILL')
    await gateway.stop()
  })
})

it('what is written is for the user of the gateway alone', async () => {
  const gateway = await startGateway(['--rtmp', 'nginx', '--record'])
  const beside = await startLoop(gateway, 'beside')
  for (const directory of ['hls', 'nginx', 'recordings']) {
    const { mode } = await stat(`${gateway.dataDir}/${directory}`)
    expect([directory, (mode & 0o777).toString(8)]).toEqual([directory, '700'])
  }
  await beside.stop()
  await gateway.stop()
})
