import { randomBytes } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { encodeChunk } from '../shared/chunk.ts'
import { descendantsOf, startGateway, type TestGateway } from './support/gateway.ts'
import { ingestUrl, publish, type Recording, readRecording, TestSocket } from './support/publisher.ts'
import { until } from './support/wait.ts'

const HELLO = { type: 'hello', session: null }
const EPOCH = { type: 'epoch', epoch: 0, at: 0, mimeType: 'video/webm;codecs=avc1.42E01F,opus' }

let gateway: TestGateway
let recording: Recording
/** Its first seconds. */
let beginning: Recording
let names = 0
beforeAll(async () => {
  gateway = await startGateway(['--rtmp', 'embedded', '--resume-seconds', '2'])
  recording = await readRecording('chrome-h264.webm')
  beginning = { ...recording, blobs: recording.blobs.slice(0, 12) }
})
afterAll(() => gateway.stop())

const url = (name: string) => ingestUrl(gateway, name)
const newName = () => `test-${++names}`

/** A socket that the server took. */
async function welcomed(name = newName()): Promise<{ socket: TestSocket; name: string; session: string }> {
  const socket = await new TestSocket(url(name)).opened()
  socket.send(HELLO)
  const { session } = await socket.message('welcome')
  return { socket, name, session }
}

const chunk = (sequence: number, payload: Uint8Array, epoch = 0) => encodeChunk({ epoch, sequence, payload })

describe('a socket that breaks the protocol', () => {
  it.each<[string, (socket: TestSocket) => void]>([
    ['JSON that is none', (socket) => socket.send('{')],
    ['an unknown message', (socket) => socket.send({ type: 'hallo' })],
    ['a chunk before hello', (socket) => socket.send(chunk(0, Buffer.from('x')))],
    ['an epoch before hello', (socket) => socket.send(EPOCH)],
    ['a control message of 20 kB', (socket) => socket.send({ ...HELLO, token: 'x'.repeat(20_000) })],
  ])('is closed with 4400 for %s', async (_, act) => {
    const socket = await new TestSocket(url(newName())).opened()
    act(socket)
    expect(await socket.closed).toMatchObject({ code: 4400, error: 'bad_message' })
  })

  it.each<[string, string[], string]>([
    ['no subprotocol', [], 'good-name'],
    ['a name with a dot', ['castgate.v1'], 'bad.name'],
    ['a name that is too long', ['castgate.v1'], 'x'.repeat(65)],
    ['no name', ['castgate.v1'], ''],
  ])('is closed with 4400 for %s', async (_, protocols, name) => {
    const socket = new TestSocket(url(name), protocols)
    expect(await socket.closed).toMatchObject({ code: 4400, error: 'bad_message' })
  })

  it('is closed with 4408 without a hello', async () => {
    expect(await new TestSocket(url(newName())).closed).toMatchObject({ code: 4408, error: 'hello_timeout' })
  })

  it('is closed with 4404 for a session that is not there', async () => {
    const socket = await new TestSocket(url(newName())).opened()
    socket.send({ type: 'hello', session: 'nobody' })
    expect(await socket.closed).toMatchObject({ code: 4404, error: 'no_session' })
  })

  it('is closed with 4413 for a chunk above chunkBytes', async () => {
    const { socket } = await welcomed()
    const { limits } = await socket.message('welcome')
    socket.send(EPOCH)
    socket.send(chunk(0, Buffer.alloc(limits.chunkBytes + 1)))
    expect(await socket.closed).toMatchObject({ code: 4413, error: 'chunk_too_large' })
  })

  it.each<[string, number, number]>([
    ['out of order', 1, 0],
    ['of an epoch that has not begun', 0, 1],
  ])('is closed with 4400 for a chunk %s', async (_, sequence, epoch) => {
    const { socket } = await welcomed()
    socket.send(EPOCH)
    socket.send(chunk(sequence, Buffer.from('x'), epoch))
    expect(await socket.closed).toMatchObject({ code: 4400, error: 'bad_message' })
  })

  it('gets 404 as JSON at another path', async () => {
    const socket = new TestSocket(`${gateway.url.replace('http', 'ws')}/elsewhere`)
    await expect(socket.opened()).rejects.toThrow('404')
  })
})

describe('bytes that are no recording', () => {
  const playlist = Buffer.from('#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:0\n#EXTINF:10,\nfile:///etc/passwd\n')

  it.each<[string, string, () => Buffer | Promise<Buffer>]>([
    ['random bytes as WebM', 'video/webm', () => randomBytes(100_000)],
    ['random bytes as MP4', 'video/mp4', () => randomBytes(100_000)],
    ['a playlist as WebM', 'video/webm', () => playlist],
    ['a playlist as MP4', 'video/mp4', () => playlist],
    ['a playlist as itself', 'application/vnd.apple.mpegurl', () => playlist],
    ['an MP4 as WebM', 'video/webm', async () => (await readRecording('chrome-h264.mp4')).bytes.subarray(0, 200_000)],
    ['an MP4 that takes its media from elsewhere', 'video/mp4', externalMp4],
    [
      'a header with nothing but noise behind it',
      'video/webm',
      () => Buffer.concat([recording.bytes.subarray(0, 215), randomBytes(200_000)]),
    ],
  ])('is refused with 4415: %s', async (_, mimeType, make) => {
    const { socket, name } = await welcomed()
    socket.send({ ...EPOCH, mimeType })
    socket.send(chunk(0, await make()))
    socket.send({ type: 'end' })
    expect(await socket.closed).toMatchObject({ code: 4415, error: 'unsupported_media' })
    await until('the name is free', async () => (await gateway.stream(name)) === null)
  })

  it('never makes FFmpeg open anything: a server that they point to is not asked', async () => {
    const asked: string[] = []
    const trap: Server = createServer((request, response) => {
      asked.push(request.url ?? '')
      response.end()
    })
    await new Promise<void>((resolve) => trap.listen(0, '127.0.0.1', resolve))
    try {
      const target = `http://127.0.0.1:${(trap.address() as AddressInfo).port}/secret.ts`
      const texts = [
        `#EXTM3U\n#EXTINF:10,\n${target}\n`,
        `ffconcat version 1.0\nfile '${target}'\n`,
        `<MPD><BaseURL>${target}</BaseURL></MPD>`,
      ]
      for (const text of texts) {
        for (const mimeType of ['video/webm', 'video/mp4', 'video/x-matroska;codecs=avc1']) {
          const { socket } = await welcomed()
          socket.send({ ...EPOCH, mimeType })
          socket.send(chunk(0, Buffer.from(text)))
          expect(await socket.closed).toMatchObject({ code: 4415 })
        }
      }
      expect(asked).toEqual([])
    } finally {
      trap.close()
    }
  })
})

describe('a broadcast', () => {
  it('keeps its name from others, and goes on', async () => {
    const name = newName()
    const others: TestSocket[] = []
    await publish(url(name), beginning, {
      onWelcome: async () => {
        const second = await new TestSocket(url(name)).opened()
        second.send(HELLO)
        others.push(second)
      },
    })
    expect(others).toHaveLength(1)
    expect(await others[0]?.closed).toMatchObject({ code: 4409, error: 'name_taken' })
  })

  it('is not disturbed by ones that are refused', async () => {
    const noise = (async () => {
      for (let i = 0; i < 20; i++) {
        const { socket } = await welcomed()
        socket.send(i % 2 ? '{"type":' : chunk(7, randomBytes(1000)))
        await socket.closed
      }
    })()
    await Promise.all([publish(url(newName()), beginning), noise])
  })

  it('acknowledges every chunk, and tells its state about once a second', async () => {
    const { socket, name } = await welcomed()
    socket.send(EPOCH)
    for (const [sequence, blob] of recording.blobs.entries()) socket.send(chunk(sequence, blob.bytes))
    const status = await until('a status that is live', () =>
      socket.messages.find(
        (message) => message.type === 'status' && message.state === 'live' && message.video?.width === 1280,
      ),
    )
    expect(status).toMatchObject({
      name,
      source: 'recorder',
      epoch: 0,
      video: { action: 'copy' },
      audio: { action: 'transcode' },
    })
    expect(await gateway.stream(name)).toMatchObject({
      state: 'live',
      video: { codec: 'h264', width: 1280, height: 720, action: 'copy' },
      targets: [],
      playback: {
        hls: `${gateway.url}/hls/${name}.m3u8`,
        watch: `${gateway.url}/watch/${name}`,
        flv: `${gateway.url}/live/${name}.flv`,
      },
    })
    socket.send({ type: 'end' })
    await socket.message('ended')
    expect(await socket.closed).toMatchObject({ code: 1000 })
    const acks = socket.messages.filter((message) => message.type === 'ack').map((message) => message.next)
    expect(acks.at(-1)).toBe(recording.blobs.length)
    expect(acks).toEqual([...acks].sort((a, b) => a - b))
    expect(await gateway.stream(name)).toBeNull()
  })

  it('goes on over a new socket from where the server is, and closes the older one', async () => {
    const { socket: first, name, session } = await welcomed()
    first.send(EPOCH)
    const [one, two, ...rest] = recording.blobs.map((blob) => blob.bytes)
    if (!one || !two) throw new Error('The recording has too few blobs.')
    first.send(chunk(0, one))
    first.send(chunk(1, two))
    await until('two chunks are acknowledged', () =>
      first.messages.some((message) => message.type === 'ack' && message.next === 2),
    )
    const second = await new TestSocket(url(name)).opened()
    second.send({ type: 'hello', session })
    expect(await first.closed).toMatchObject({ code: 4410, error: 'taken_over' })
    expect(await second.message('welcome')).toMatchObject({ session, next: 2 })
    second.send(EPOCH)
    for (const [index, bytes] of rest.entries()) second.send(chunk(2 + index, bytes))
    second.send({ type: 'end' })
    expect(await second.closed).toMatchObject({ code: 1000 })
  })

  it('is waited for when its socket is cut, and ends when it does not come back', async () => {
    const { socket, name, session } = await welcomed()
    socket.send(EPOCH)
    for (const [sequence, blob] of recording.blobs.slice(0, 8).entries()) socket.send(chunk(sequence, blob.bytes))
    await until('it is live', async () => (await gateway.stream(name))?.state === 'live')
    socket.cut()
    await until('it waits', async () => (await gateway.stream(name))?.state === 'waiting')
    await until('it is over', async () => (await gateway.stream(name)) === null)
    const late = await new TestSocket(url(name)).opened()
    late.send({ type: 'hello', session })
    expect(await late.closed).toMatchObject({ code: 4404, error: 'no_session' })
  })

  it('asks for a new epoch when a transcoder is killed, and goes on with it', async () => {
    const vp8 = await readRecording('chrome-vp8.webm')
    const { socket, name } = await welcomed()
    const before = new Set((await descendantsOf(gateway.program.process.pid ?? 0)).keys())
    socket.send(EPOCH)
    const half = vp8.blobs.slice(0, 12)
    for (const [sequence, blob] of half.entries()) socket.send(chunk(sequence, blob.bytes))
    await until('it is live', async () => (await gateway.stream(name))?.state === 'live')
    const [ingest] = [...(await descendantsOf(gateway.program.process.pid ?? 0))].filter(
      ([pid, program]) => program === 'ffmpeg' && !before.has(pid),
    )
    process.kill(ingest?.[0] ?? 0, 'SIGKILL')
    await socket.message('restart')
    socket.send({ ...EPOCH, epoch: 1, at: 4000 })
    for (const [index, blob] of vp8.blobs.entries()) socket.send(chunk(half.length + index, blob.bytes, 1))
    await until('the second epoch is on the bus', async () => (await gateway.stream(name))?.epoch === 1)
    socket.send({ type: 'end' })
    expect(await socket.closed).toMatchObject({ code: 1000 })
    await gateway.logged({ stream: name, msg: 'FFmpeg was lost, asking for a new epoch' })
  })
})

/** The header of an MP4 whose tracks say that their media is in another file. */
async function externalMp4(): Promise<Buffer> {
  const { bytes } = await readRecording('synthetic-h264-aac.mp4')
  const copy = Buffer.from(bytes.subarray(0, 200_000))
  for (let at = copy.indexOf('url '); at > 0 && at < 4000; at = copy.indexOf('url ', at + 4)) copy[at + 7] = 0
  return copy
}

it('is still healthy after all that', async () => {
  const answer = await fetch(`${gateway.url}/healthz`)
  expect([answer.status, await answer.json()]).toEqual([
    200,
    {
      status: 'ok',
      ffmpeg: { path: expect.any(String), version: expect.stringMatching(/^\d/) },
      rtmp: { kind: 'embedded', url: `rtmp://127.0.0.1:${gateway.rtmpPort}/live` },
    },
  ])
})
