import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chmod, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { encodeChunk } from '../shared/chunk.ts'
import { readFrames } from './support/clock-reader.ts'
import { descendantsOf, ingestFfmpegs, signal, startGateway, type TestGateway } from './support/gateway.ts'
import { HlsCollector } from './support/hls.ts'
import { decode, FFMPEG } from './support/media.ts'
import { castgate } from './support/program.ts'
import { ingestUrl, mediaPath, publish, readRecording, TestSocket } from './support/publisher.ts'
import { temporaryDirectory } from './support/resources.ts'
import { until } from './support/wait.ts'

const EPOCH = { type: 'epoch', epoch: 0, at: 0, mimeType: 'video/webm' }

async function publisher(gateway: TestGateway, name: string): Promise<TestSocket> {
  const socket = await new TestSocket(ingestUrl(gateway, name)).opened()
  socket.send({ type: 'hello', session: null })
  await socket.message('welcome')
  socket.send(EPOCH)
  return socket
}

async function sendAll(socket: TestSocket, name = 'chrome-h264.webm'): Promise<void> {
  const { blobs } = await readRecording(name)
  for (const [sequence, blob] of blobs.entries()) socket.send(encodeChunk({ epoch: 0, sequence, payload: blob.bytes }))
}

async function processesOf(gateway: TestGateway, program: string): Promise<number[]> {
  const all = await descendantsOf(gateway.program.process.pid ?? 0)
  return [...all].filter(([, name]) => name === program).map(([pid]) => pid)
}

const bytesOut = async (gateway: TestGateway) => (await gateway.stream('killed'))?.targets[0]?.bytesOut ?? 0

const healthy = async (gateway: TestGateway) => (await fetch(`${gateway.url}/healthz`)).ok

describe('a gateway goes on', () => {
  it('when FFmpeg has gone: the publisher is told, and others can come when it is back', async () => {
    const directory = await temporaryDirectory()
    const path = `${directory.path}/ffmpeg`
    const install = async () => {
      await writeFile(path, '#!/bin/sh\nexec ffmpeg "$@"\n')
      await chmod(path, 0o755)
    }
    await install()
    const gateway = await startGateway(['--rtmp', 'embedded', '--ffmpeg', path])
    await rm(path)
    const unlucky = await publisher(gateway, 'unlucky')
    await sendAll(unlucky)
    expect(await unlucky.closed).toMatchObject({ code: 4503, error: 'unavailable' })
    await install()
    const lucky = await publisher(gateway, 'lucky')
    await sendAll(lucky)
    lucky.send({ type: 'end' })
    expect(await lucky.closed).toMatchObject({ code: 1000 })
    await gateway.stop()
    await directory.remove()
  })

  it('when upgrades to nowhere are reset or never read, and ends on SIGTERM all the same', async () => {
    const gateway = await startGateway(['--rtmp', 'embedded'])
    const upgrade = 'GET /nowhere HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'
    const sockets = Array.from({ length: 20 }, (_, index) => {
      const socket = connect({ port: gateway.port, host: '127.0.0.1', allowHalfOpen: true })
      socket.on('error', () => {})
      socket.write(upgrade, () => {
        if (index % 2) socket.resetAndDestroy()
      })
      return socket
    })
    await until('it answers', () => healthy(gateway))
    await gateway.stop()
    for (const socket of sockets) socket.destroy()
  })

  it('when an encoder asks for a name in the moment in which everything ends', async () => {
    const gateway = await startGateway(['--rtmp', 'nginx'])
    const target = `rtmp://127.0.0.1:${gateway.rtmpPort}/live/late`
    const encoders = Array.from({ length: 3 }, (_, index) =>
      spawn(FFMPEG, [
        '-v',
        'quiet',
        '-re',
        '-i',
        mediaPath('chrome-h264.mp4'),
        '-c:v',
        'copy',
        '-c:a',
        'aac',
        '-f',
        'flv',
        `${target}${index}`,
      ]),
    )
    await gateway.stop()
    for (const encoder of encoders) encoder.kill('SIGKILL')
  })
})

describe('a recording whose FFmpeg is killed', () => {
  it.each(['chrome-h264.webm', 'chrome-h264.mp4', 'synthetic-h264-aac.mp4'])(
    'loses no frame of %s and repeats none: another FFmpeg goes on at the last keyframe',
    async (name) => {
      const gateway = await startGateway(['--rtmp', 'nginx'])
      const recording = await readRecording(name)
      const published = publish(ingestUrl(gateway, 'killed'), recording)
      const collector = new HlsCollector(`${gateway.url}/hls/killed.m3u8`)
      const kills = (async () => {
        await until('its target is live', async () => (await gateway.stream('killed'))?.targets[0]?.state === 'live')
        for (let kill = 0, last = 0; kill < 3; kill++) {
          last = await until('an FFmpeg that was not killed', async () =>
            (await ingestFfmpegs(gateway)).find((pid) => pid !== last),
          )
          await until('media comes out of it', async () => (await bytesOut(gateway)) > (kill + 1) * 200_000)
          process.kill(last, 'SIGKILL')
        }
      })()
      const { bytes } = await collector.collectUntil(Promise.all([published, kills]))
      expect(await readFrames(bytes)).toEqual(await readFrames(recording.bytes))
      expect((await decode(bytes)).errors).toBe('')
      const words = gateway
        .log()
        .filter((line) => line.stream === 'killed')
        .map((line) => line.msg)
      expect(words.filter((word) => word === 'FFmpeg was lost, another one goes on')).toHaveLength(3)
      expect(words.filter((word) => word === 'target is live')).toHaveLength(1)
      await gateway.stop()
    },
  )

  it('is refused with 4415 when that happens again and again', async () => {
    const gateway = await startGateway(['--rtmp', 'embedded'])
    const socket = await publisher(gateway, 'deadly')
    await sendAll(socket)
    const killing = (async () => {
      for (;;) {
        const [ingest] = await processesOf(gateway, 'ffmpeg')
        if (ingest !== undefined) signal(ingest, 'SIGKILL')
        if (socket.messages.some((message) => message.type === 'error')) return
        await delay(20)
      }
    })()
    expect(await socket.closed).toMatchObject({ code: 4415, error: 'unsupported_media' })
    await killing
    await gateway.stop()
  })
})

describe('a target', () => {
  it('that hangs is given up and tried again, and its state is told', async () => {
    const gateway = await startGateway(['--rtmp', 'nginx'])
    const push = castgate(['push', mediaPath('chrome-h264.mp4'), 'paused', '--loop', '--port', `${gateway.port}`])
    const target = async () => (await gateway.stream('paused'))?.targets[0]
    await until('it is live', async () => (await target())?.state === 'live')
    const nginx = await processesOf(gateway, 'nginx')
    for (const pid of nginx) signal(pid, 'SIGSTOP')
    const status = await until('it is given up', async () => {
      const found = await target()
      return found?.state === 'retrying' ? found : null
    })
    expect(status.lastError).toMatch(/took nothing/)
    for (const pid of nginx) signal(pid, 'SIGCONT')
    await until('it is live again', async () => (await target())?.state === 'live')
    expect((await target())?.reconnects).toBeGreaterThan(0)
    expect((await gateway.stream('paused'))?.state).toBe('live')
    push.process.kill('SIGINT')
    await push.exited
    await gateway.stop()
  })

  it('that is killed gets the broadcast again when it is back', async () => {
    const gateway = await startGateway(['--rtmp', 'nginx'])
    const push = castgate(['push', mediaPath('chrome-h264.mp4'), 'killed', '--loop', '--port', `${gateway.port}`])
    const target = async () => (await gateway.stream('killed'))?.targets[0]
    await until('it is live', async () => (await target())?.state === 'live')
    for (const pid of await processesOf(gateway, 'nginx')) signal(pid, 'SIGKILL')
    await until('it is lost', async () => (await target())?.state === 'retrying')
    await until('it is live again', async () => (await target())?.state === 'live')
    push.process.kill('SIGINT')
    await push.exited
    await gateway.stop()
  })
})

it('nginx may be killed under an encoder, which does not notice', async () => {
  const gateway = await startGateway(['--rtmp', 'nginx'])
  const codecs = ['-c:v', 'copy', '-c:a', 'aac']
  const encoder = spawn(FFMPEG, [
    ...['-v', 'quiet', '-re', '-stream_loop', '-1', '-i', mediaPath('chrome-h264.mp4'), ...codecs],
    ...['-f', 'flv', `rtmp://127.0.0.1:${gateway.rtmpPort}/live/steady`],
  ])
  const stream = () => gateway.stream('steady')
  await until('it reaches nginx', async () => (await stream())?.targets[0]?.state === 'live')
  const id = (await stream())?.id
  for (const pid of await processesOf(gateway, 'nginx')) signal(pid, 'SIGKILL')
  await until('nginx is lost', async () => (await stream())?.targets[0]?.state === 'retrying')
  await until('it reaches nginx again', async () => (await stream())?.targets[0]?.state === 'live')
  expect(await stream()).toMatchObject({ id, state: 'live', epoch: 0 })
  encoder.kill('SIGKILL')
  await gateway.stop()
})

describe('a name comes free', () => {
  it('when its target hangs: the publisher is told the end, and the output is given up', async () => {
    const gateway = await startGateway(['--rtmp', 'nginx'])
    const socket = await publisher(gateway, 'hanging')
    await sendAll(socket)
    await until('its target is live', async () => (await gateway.stream('hanging'))?.targets[0]?.state === 'live')
    const nginx = await processesOf(gateway, 'nginx')
    for (const pid of nginx) signal(pid, 'SIGSTOP')
    try {
      socket.send({ type: 'end' })
      await socket.message('ended')
      expect(await gateway.stream('hanging')).toBeNull()
    } finally {
      for (const pid of nginx) signal(pid, 'SIGCONT')
    }
    await gateway.stop()
  })

  it('when a recording has a header and nothing behind it that can be read', async () => {
    const gateway = await startGateway(['--rtmp', 'embedded'])
    const socket = await publisher(gateway, 'noise')
    const { bytes } = await readRecording('chrome-h264.webm')
    const noise = Buffer.concat([bytes.subarray(0, 215), randomBytes(200_000)])
    socket.send(encodeChunk({ epoch: 0, sequence: 0, payload: noise }))
    expect(await socket.closed).toMatchObject({ code: 4415, error: 'unsupported_media' })
    await until('the name is free', async () => (await gateway.stream('noise')) === null)
    await gateway.stop()
  })
})
