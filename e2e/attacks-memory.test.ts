import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { encodeChunk } from '../shared/chunk.ts'
import { SUBPROTOCOL } from '../shared/limits.ts'
import { startGateway, startLoop, type TestGateway } from './support/gateway.ts'
import { ingestUrl, publish, readRecording, TestSocket } from './support/publisher.ts'
import { until } from './support/wait.ts'

/** What one who has a token, or none, can make the gateway hold; while another one broadcasts. */

const MB = 1024 * 1024

let gateway: TestGateway
let other: { stop(): Promise<void> }
beforeAll(async () => {
  // A heap that is as small as this one ends with all broadcasts where what waits has no bound.
  gateway = await startGateway(['--rtmp', 'embedded', '--resume-seconds', '5'], {
    NODE_OPTIONS: '--max-old-space-size=160',
  })
  other = await startLoop(gateway, 'other')
})
afterAll(async () => {
  expect((await gateway.stream('other'))?.state).toBe('live')
  await other.stop()
  await gateway.stop()
})

const residentBytes = () =>
  Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${gateway.program.process.pid}/status`, 'utf8'))?.[1]) * 1024

/** A session that is busy: it waits for FFmpeg, which stands still. Gives its id, and what lets it go on. */
async function busy(name: string): Promise<{ session: string; free(): void }> {
  const recording = await readRecording('chrome-h264.webm')
  const socket = await new TestSocket(ingestUrl(gateway, name)).opened()
  socket.send({ type: 'hello', session: null })
  const { session } = await socket.message('welcome')
  socket.send({ type: 'epoch', epoch: 0, at: 0, mimeType: 'video/webm' })
  for (const [sequence, { bytes }] of recording.blobs.slice(0, 8).entries()) {
    socket.send(encodeChunk({ epoch: 0, sequence, payload: bytes }))
  }
  await until('it is live', async () => (await gateway.stream(name))?.state === 'live')
  const pids = pidsReading()
  signal(pids, 'SIGSTOP')
  // It is waited for until it has taken the rest.
  for (const [index, { bytes }] of recording.blobs.slice(8, 40).entries()) {
    socket.send(encodeChunk({ epoch: 0, sequence: 8 + index, payload: bytes }))
  }
  return { session, free: () => signal(pids, 'SIGCONT') }
}

/** One that takes nothing for too long is killed meanwhile. */
function signal(pids: number[], name: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, name)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
    }
  }
}

/** The FFmpegs that read a WebM: the other broadcast is an MP4. */
function pidsReading(): number[] {
  const gatewayPid = gateway.program.process.pid
  const children = readFileSync(`/proc/${gatewayPid}/task/${gatewayPid}/children`, 'utf8').split(' ').filter(Boolean)
  return children.map(Number).filter((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('matroska'))
}

describe('sockets of one name, one after the other', () => {
  it.each([
    ['hellos', JSON.stringify({ type: 'hello', session: 'x'.repeat(16_000) })],
    ['pings', JSON.stringify({ type: 'ping', padding: 'x'.repeat(15_000) })],
    [
      'epochs',
      JSON.stringify({ type: 'epoch', epoch: 9, at: 0, mimeType: 'x'.repeat(200), padding: 'x'.repeat(15_000) }),
    ],
    ['chunks of one byte', encodeChunk({ epoch: 0, sequence: 3_000_000, payload: Buffer.alloc(1) })],
    ['chunks', encodeChunk({ epoch: 0, sequence: 3_000_000, payload: Buffer.alloc(200_000) })],
  ])(
    'leave nothing behind, whatever they send while the session is busy: %s',
    { timeout: 120_000 },
    async (what, frame) => {
      const name = `busy-${what.replaceAll(' ', '-')}`
      const { session, free } = await busy(name)
      try {
        const before = residentBytes()
        for (let i = 0; i < 6; i++) {
          const socket = new WebSocket(ingestUrl(gateway, name), [SUBPROTOCOL])
          socket.on('error', () => {})
          await new Promise((resolve) => socket.once('open', resolve))
          socket.send(JSON.stringify({ type: 'hello', session }))
          for (let sent = 0; sent < 100 * MB && socket.readyState === WebSocket.OPEN; sent += frame.length + 200) {
            socket.send(frame)
            if (socket.bufferedAmount < 4 * MB) continue
            // What is not read any more stays here.
            const left = socket.bufferedAmount
            await delay(20)
            if (socket.bufferedAmount === left) break
          }
          socket.terminate()
        }
        // A window, and what a socket of the system holds; 160 MB for each of them, where it has no bound.
        expect(residentBytes() - before).toBeLessThan(120 * MB)
      } finally {
        free()
      }
    },
  )
})

it('a stranger who says no hello is heard for some kilobytes', async () => {
  const before = residentBytes()
  const closed = await Promise.all(
    Array.from({ length: 100 }, () => {
      const socket = connect(gateway.port, '127.0.0.1')
      socket.on('error', () => {}).resume()
      socket.write(
        `GET /ingest/stranger HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${'A'.repeat(22)}==\r\nSec-WebSocket-Protocol: ${SUBPROTOCOL}\r\n\r\n`,
      )
      // The beginning of a frame of 250 kB, which never ends.
      const head = Buffer.from([0x82, 0xff, 0, 0, 0, 0, 0, 3, 0xd0, 0x90, 0, 0, 0, 0])
      socket.write(Buffer.concat([head, Buffer.alloc(200_000)]))
      return new Promise((resolve) => socket.once('close', resolve))
    }),
  )
  expect(closed).toHaveLength(100)
  expect(residentBytes() - before).toBeLessThan(60 * MB)
})

it('an honest publisher is taken after all that', async () => {
  await publish(ingestUrl(gateway, 'honest'), await readRecording('chrome-h264.mp4'), { pace: 'fast' })
})
