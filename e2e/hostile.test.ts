import { randomBytes, randomUUID } from 'node:crypto'
import { connect, type Socket } from 'node:net'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { encodeChunk } from '../shared/chunk.ts'
import { closeCodeOf, ERRORS } from '../shared/errors.ts'
import { UINT32_MAX } from '../shared/limits.ts'
import { readFrames } from './support/clock-reader.ts'
import { openSockets, startGateway, type TestGateway } from './support/gateway.ts'
import { HlsCollector } from './support/hls.ts'
import { castgate } from './support/program.ts'
import { type Closed, ingestUrl, mediaPath, type Recording, readRecording, TestSocket } from './support/publisher.ts'
import { until } from './support/wait.ts'

const HELLO = { type: 'hello', session: null }
const EPOCH = { type: 'epoch', epoch: 0, at: 0, mimeType: 'video/webm' }
/** Sockets of one kind of attack, and how many of them at a time. */
const SOCKETS = 1000
const AT_A_TIME = 50

let gateway: TestGateway
let recording: Recording
let names = 0
beforeAll(async () => {
  gateway = await startGateway(['--rtmp', 'nginx', '--resume-seconds', '1'])
  recording = await readRecording('chrome-h264.webm')
})
afterAll(() => gateway.stop())

const url = (name: string) => ingestUrl(gateway, name)
const open = (name = `hostile-${++names}`) => new TestSocket(url(name)).opened()

/** Does the same with many sockets, a few at a time. */
async function flood<T>(count: number, attack: (index: number) => Promise<T>): Promise<T[]> {
  const results: T[] = []
  let index = 0
  const worker = async () => {
    while (index < count) results.push(await attack(index++))
  }
  await Promise.all(Array.from({ length: AT_A_TIME }, worker))
  return results
}

const codes = (closed: Closed[]) => [...new Set(closed.map(({ code }) => code))]

/** A connection that sends `bytes` and then waits until the server closes it; gives what it answered. */
async function raw(bytes: string): Promise<string> {
  const socket: Socket = connect(gateway.port, '127.0.0.1')
  let answer = ''
  socket.setEncoding('latin1').on('data', (text) => {
    answer += text
  })
  socket.on('error', () => {})
  socket.write(bytes)
  await new Promise((resolve) => socket.once('close', resolve))
  return answer
}

describe('while another broadcast runs, untouched', () => {
  it('floods and sockets that stand still are refused, each with its code, and nothing is left of them', {
    timeout: 300_000,
  }, async () => {
    const before = await openSockets(gateway)
    const pushed = castgate(['push', mediaPath('chrome-h264.mp4'), 'untouched', '--port', `${gateway.port}`])
    const collector = new HlsCollector(`${gateway.url}/hls/untouched.m3u8`)
    const attacks = (async () => {
      await until('the other one is live', async () => (await gateway.stream('untouched'))?.state === 'live')

      // The other one ends by itself, however long this takes.
      const holder = await open('held')
      holder.send(HELLO)
      await holder.message('welcome')
      const taken = await flood(SOCKETS, async () => {
        const socket = await open('held')
        socket.send(HELLO)
        return socket.closed
      })
      expect(codes(taken)).toEqual([closeCodeOf('name_taken')])
      holder.send({ type: 'end' })
      await holder.closed

      const strangers = await flood(SOCKETS, async () => {
        const socket = await open('untouched')
        socket.send({ type: 'hello', session: randomUUID() })
        return socket.closed
      })
      expect(codes(strangers)).toEqual([closeCodeOf('no_session')])

      const twice = await flood(SOCKETS, async () => {
        const socket = await open()
        socket.send(HELLO)
        socket.send(HELLO)
        return socket.closed
      })
      expect(codes(twice)).toEqual([closeCodeOf('bad_message')])

      const silent = flood(AT_A_TIME, async () => (await open()).closed)
      const slow = flood(AT_A_TIME, () => raw('GET /ingest/slow HTTP/1.1\r\nHost: x\r\nUpgrade: webso'))
      expect(codes(await silent)).toEqual([closeCodeOf('hello_timeout')])
      expect([...new Set((await slow).map((answer) => answer.split('\r\n')[0]))]).toEqual([
        'HTTP/1.1 408 Request Timeout',
      ])
    })()
    const { bytes } = await collector.collectUntil(Promise.all([pushed.exited, attacks]))
    expect(await readFrames(bytes)).toEqual(await readFrames((await readRecording('chrome-h264.mp4')).bytes))
    await until('nothing is left open', async () => (await openSockets(gateway)) === before)
  })
})

describe('a session', () => {
  it("cannot be taken over under another's name", async () => {
    const owner = await open('owned')
    owner.send(HELLO)
    const { session } = await owner.message('welcome')
    const thief = await open('elsewhere')
    thief.send({ type: 'hello', session })
    expect(await thief.closed).toMatchObject({ code: 4404, error: 'no_session' })
    owner.send({ type: 'ping' })
    await owner.message('pong')
    owner.send({ type: 'end' })
    expect(await owner.closed).toMatchObject({ code: 1000 })
  })

  it.each<[string, number, number]>([
    ['a sequence number at the end of all', 0, UINT32_MAX],
    ['an epoch at the end of all', UINT32_MAX, 0],
  ])('ends with 4400 for %s', async (_, epoch, sequence) => {
    const socket = await open()
    socket.send(HELLO)
    socket.send(EPOCH)
    socket.send(encodeChunk({ epoch, sequence, payload: recording.blobs[0]?.bytes ?? Buffer.alloc(1) }))
    expect(await socket.closed).toMatchObject({ code: 4400, error: 'bad_message' })
  })

  it('ends with 4415 for a header that claims to be larger than any memory', async () => {
    const socket = await open()
    socket.send(HELLO)
    socket.send(EPOCH)
    const absurd = Buffer.from([0x1a, 0x45, 0xdf, 0xa3, 0x01, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe])
    const padding = Buffer.alloc(200_000)
    for (let sequence = 0; sequence < 20; sequence++) {
      socket.send(encodeChunk({ epoch: 0, sequence, payload: sequence ? padding : absurd }))
    }
    expect(await socket.closed).toMatchObject({ code: 4415, error: 'unsupported_media' })
  })

  it('goes on or ends with a code of the protocol, whatever frames come in whatever order', {
    timeout: 300_000,
  }, async () => {
    const real = recording.blobs
      .slice(0, 6)
      .map((blob, sequence) => encodeChunk({ epoch: 0, sequence, payload: blob.bytes }))
    const frame = fc.oneof(
      fc.constantFrom<(string | object | Uint8Array)[]>(HELLO, EPOCH, { ...EPOCH, epoch: 1 }, { type: 'end' }, ...real),
      fc.uint8Array({ maxLength: 60 }),
      fc.string({ maxLength: 60 }),
      fc
        .tuple(fc.constantFrom(...real), fc.nat(400))
        .map(([bytes, length]) => new Uint8Array(bytes.subarray(0, length))),
      fc
        .tuple(fc.nat(UINT32_MAX), fc.nat(UINT32_MAX))
        .map(([epoch, sequence]) => encodeChunk({ epoch, sequence, payload: randomBytes(50) })),
    )
    const allowed = [1000, 1005, 1006, ...Object.values(ERRORS).map(({ status }) => 4000 + status)]
    const property = fc.asyncProperty(fc.array(frame, { maxLength: 12 }), fc.boolean(), async (frames, polite) => {
      const socket = await open()
      if (polite) {
        socket.send(HELLO)
        socket.send(EPOCH)
      }
      for (const next of frames) socket.send(next)
      // Whatever the state is, this ends it: a second hello, or a first one and a second.
      socket.send(HELLO)
      socket.send(HELLO)
      expect(allowed).toContain((await socket.closed).code)
      expect((await socket.closed).error).not.toBe('internal')
    })
    await fc.assert(property, { numRuns: 400 })
    expect((await fetch(`${gateway.url}/healthz`)).status).toBe(200)
  })
})
