import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Webhook } from 'standardwebhooks'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Event, GatewayStatus } from '../client/api/gateway-api.ts'
import { encodeChunk } from '../shared/chunk.ts'
import { asAdmin, eventsOf } from './support/archive.ts'
import { clockRecording } from './support/clock.ts'
import { readFrames } from './support/clock-reader.ts'
import { startGateway, startLoop, type TestGateway } from './support/gateway.ts'
import { inBlobs, ingestUrl, publish, readRecording, TestSocket } from './support/publisher.ts'
import { temporaryDirectory } from './support/resources.ts'
import { ADMIN_KEY, GUARDED, publishToken, WITH_KEY } from './support/tokens.ts'
import { NOT_KEPT, until } from './support/wait.ts'

const KEY = { authorization: `Bearer ${ADMIN_KEY}`, ...NOT_KEPT.headers }

describe('what a gateway tells those who run it', () => {
  let gateway: TestGateway
  let loop: { stop(): Promise<void> }
  beforeAll(async () => {
    gateway = await startGateway(['--rtmp', 'nginx'], WITH_KEY)
    loop = await startLoop(gateway, 'cam')
  })
  afterAll(async () => {
    await loop.stop()
    await gateway.stop()
  })

  it('is the status: processes with what they use, and the pulse of each broadcast', async () => {
    const body = await until('its pulse was taken a few times, and each process looked at', async () => {
      const { body } = await asAdmin<GatewayStatus>(gateway, 'status?beats=300')
      const looked = body.processes.every(({ rssBytes }) => rssBytes > 1e6)
      // A machine that is busy with something else may be one for a moment.
      const calm = body.problems.length === 0
      return looked && calm && (body.streams[0]?.beats.length ?? 0) > 3 ? body : null
    })
    const [stream] = body.streams
    expect(stream?.beats.some(({ bitsPerSecond }) => bitsPerSecond > 100_000)).toBe(true)
    const uses = body.processes.map(({ use, stream }) => `${use} ${stream ?? ''}`.trim())
    expect(uses).toEqual(expect.arrayContaining(['gateway', 'nginx', 'reads the recording cam']))
    expect(body.disk.freeBytes).toBeGreaterThan(0)
  })

  it('is a small picture of each broadcast, for those who may see it', async () => {
    const { body } = await asAdmin<GatewayStatus>(gateway, 'status')
    const answer = await fetch(body.streams[0]?.thumbnail ?? '', NOT_KEPT)
    expect(answer.headers.get('content-type')).toBe('image/jpeg')
    expect((await readFrames(Buffer.from(await answer.arrayBuffer())))[0]).toBeGreaterThanOrEqual(0)
    expect((await fetch(`${gateway.url}/api/streams/none/thumbnail.jpg`, NOT_KEPT)).status).toBe(404)
    const closed = await startGateway(['--rtmp', 'embedded', '--private'], GUARDED)
    expect((await fetch(`${closed.url}/api/streams/cam/thumbnail.jpg`, NOT_KEPT)).status).toBe(401)
    await closed.stop()
  })

  it('are events, as they happen, from where someone left off', async () => {
    const read = async (last: number | null, until: string) => {
      const headers = { ...KEY, accept: 'text/event-stream', ...(last !== null && { 'last-event-id': String(last) }) }
      const answer = await fetch(`${gateway.url}/api/events`, { headers })
      expect(answer.headers.get('content-type')).toBe('text/event-stream')
      let text = ''
      for await (const piece of answer.body ?? []) {
        text += new TextDecoder().decode(piece as Uint8Array)
        if (text.includes(until)) break
      }
      return [...text.matchAll(/^data: (.*)$/gm)].map(([, data]) => JSON.parse(data ?? '') as Event)
    }
    const following = read(null, 'event: stream.ended')
    await publish(ingestUrl(gateway, 'short'), await readRecording('chrome-h264.webm'), { pace: 'fast' })
    const told = (await following).filter(({ stream }) => stream === 'short')
    expect(told.map(({ type }) => type)).toEqual(expect.arrayContaining(['stream.started', 'stream.ended']))
    const ended = told.at(-1)
    const again = await read((ended?.id ?? 0) - 1, 'event: stream.ended')
    expect(again[0]).toEqual(ended)
    expect((await fetch(`${gateway.url}/api/events`, NOT_KEPT)).status).toBe(401)
  })

  it('are the absence and the return of a broadcaster', async () => {
    const socket = await new TestSocket(ingestUrl(gateway, 'away')).opened()
    socket.send({ type: 'hello', session: null })
    const { session } = await socket.message('welcome')
    socket.send({ type: 'epoch', epoch: 0, at: 0, mimeType: 'video/webm' })
    const { blobs } = await readRecording('chrome-h264.webm')
    for (const [sequence, { bytes }] of blobs.entries())
      socket.send(encodeChunk({ epoch: 0, sequence, payload: bytes }))
    await until('it is live', async () => (await gateway.stream('away'))?.state === 'live')
    socket.cut()
    const types = async () => (await eventsOf(gateway, 'away')).map(({ type }) => type)
    await until('it is missed', async () => (await types()).includes('stream.waiting'))
    const { problems } = (await asAdmin<GatewayStatus>(gateway, 'status')).body
    expect(problems).toContainEqual({
      severity: 'warning',
      message: '"away" waits for its broadcaster.',
      stream: 'away',
    })
    const back = await new TestSocket(ingestUrl(gateway, 'away')).opened()
    back.send({ type: 'hello', session })
    await back.message('welcome')
    back.send({ type: 'end' })
    await back.closed
    await until('its end is told', async () => (await types()).includes('stream.ended'))
    const all = await types()
    expect(all.filter((type) => type.startsWith('stream'))).toEqual([
      'stream.started',
      'stream.waiting',
      'stream.resumed',
      'stream.ended',
    ])
  })
})

/** A receiver of webhooks that refuses the first `refusals` requests. */
async function startReceiver(refusals: number) {
  const received: { body: string; headers: IncomingMessage['headers'] }[] = []
  let refused = 0
  const server = createServer((request, response) => {
    let body = ''
    request.setEncoding('utf8').on('data', (text: string) => {
      body += text
    })
    request.on('end', () => {
      const take = refused >= refusals
      if (take) received.push({ body, headers: request.headers })
      else refused++
      response.writeHead(take ? 204 : 503, { connection: 'close' }).end()
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook?secret=path`,
    received,
    refused: () => refused,
    async close() {
      server.close()
      await once(server, 'close')
    },
  }
}

describe('webhooks', () => {
  it('are signed, come in order, and again until they are taken', async () => {
    const receiver = await startReceiver(2)
    const directory = await temporaryDirectory()
    const secret = `whsec_${Buffer.from('a secret for webhooks').toString('base64')}`
    const hook = `{ url: '${receiver.url}', secret-env: HOOK_SECRET, events: [stream.started, stream.ended] }`
    await writeFile(`${directory.path}/castgate.yaml`, `webhooks:\n  - ${hook}\n`)
    const gateway = await startGateway(['--rtmp', 'embedded', '--config', `${directory.path}/castgate.yaml`], {
      HOOK_SECRET: secret,
    })
    await publish(ingestUrl(gateway, 'hooked'), await readRecording('chrome-h264.webm'), { pace: 'fast' })
    await until('both were taken', () => receiver.received.length === 2)
    const verifier = new Webhook(secret)
    const events = receiver.received.map(
      ({ body, headers }) => verifier.verify(body, headers as Record<string, string>) as Event,
    )
    expect(events.map(({ type, stream }) => [type, stream])).toEqual([
      ['stream.started', 'hooked'],
      ['stream.ended', 'hooked'],
    ])
    expect(receiver.refused()).toBe(2)
    const [first] = receiver.received
    expect(() => verifier.verify(`${first?.body} `, first?.headers as Record<string, string>)).toThrow()
    const log = JSON.stringify(gateway.log())
    expect(log).toContain('it answered 503')
    for (const hidden of ['secret=path', secret]) expect(log).not.toContain(hidden)
    await gateway.stop()
    await receiver.close()
    await directory.remove()
  })
})

describe('a gateway that has enough to do', () => {
  it('takes no more broadcasts than it is told to, and says so', async () => {
    const gateway = await startGateway(['--rtmp', 'embedded', '--max-broadcasts', '1'])
    const loop = await startLoop(gateway, 'first')
    const second = await new TestSocket(ingestUrl(gateway, 'second')).opened()
    second.send({ type: 'hello', session: null })
    expect(await second.closed).toEqual({
      code: 4503,
      error: 'unavailable',
      message: 'This server takes one broadcast at a time. Try again when one has ended.',
    })
    await loop.stop()
    await gateway.stop()
  })

  it('begins no more transcoding while that which runs needs the processors; what is copied is still taken', async () => {
    const gateway = await startGateway(['--rtmp', 'embedded', '--max-cpu', '1'])
    const vp8 = await readRecording('firefox-vp8.webm')
    const first = publish(ingestUrl(gateway, 'first'), vp8)
    await until('it is transcoded', async () => (await gateway.stream('first'))?.state === 'live')
    const refusal = await until('another one is refused', async () => {
      const socket = await new TestSocket(ingestUrl(gateway, 'second')).opened()
      socket.send({ type: 'hello', session: null })
      await socket.message('welcome')
      socket.send({ type: 'epoch', epoch: 0, at: 0, mimeType: 'video/webm;codecs=vp8,opus' })
      socket.send(encodeChunk({ epoch: 0, sequence: 0, payload: vp8.bytes.subarray(0, 60_000) }))
      await Promise.race([socket.closed, socket.message('ack')]).catch(() => {})
      socket.send({ type: 'end' })
      const closed = await socket.closed
      return closed.code === 1000 || closed.error === 'unsupported_media' ? null : closed
    })
    expect(refusal).toMatchObject({ code: 4503, error: 'no_capacity' })
    expect(refusal.message).toContain('no room to convert')
    const clock = inBlobs('clock', await clockRecording(320, 240, 30), 1)
    await publish(ingestUrl(gateway, 'copied'), clock, { pace: 'fast', mimeType: 'video/x-matroska;codecs=avc1,opus' })
    await first
    await gateway.stop()
  })
})

describe('the log', () => {
  it('has the id of a broadcast in each of its lines, the same as the API', async () => {
    const gateway = await startGateway(['--rtmp', 'nginx', '--record', '--disk-floor', '1MB'], WITH_KEY)
    const loop = await startLoop(gateway, 'logged')
    const id = (await gateway.stream('logged'))?.id
    await loop.stop()
    // A recording may be ready while other outputs still end.
    const lines = await until('it is over, and its recording is ready', () => {
      const lines = gateway.log().filter((line) => line.stream === 'logged')
      return ['broadcast ended', 'recording is ready'].every((end) => lines.some(({ msg }) => msg === end))
        ? lines
        : null
    })
    expect(lines.map(({ msg }) => msg)).toEqual(
      expect.arrayContaining(['broadcast began', 'target is live', 'broadcast ended', 'recording is ready']),
    )
    expect(id).toMatch(/^[0-9a-f]{8}$/)
    expect(lines.filter(({ broadcast }) => broadcast !== id)).toEqual([])
    await gateway.stop()
  })
})

describe('metrics', () => {
  it('are for those with the admin key, where there is one, and else for this machine', async () => {
    const open = await startGateway(['--rtmp', 'embedded'])
    const answer = await fetch(`${open.url}/metrics`, NOT_KEPT)
    expect(answer.headers.get('content-type')).toContain('text/plain')
    expect(await answer.text()).toContain('castgate_broadcasts{state="live"} 0')
    const forwarded = await fetch(`${open.url}/metrics`, {
      headers: { ...NOT_KEPT.headers, 'x-forwarded-for': '192.0.2.1' },
    })
    expect(forwarded.status).toBe(403)
    await open.stop()
    const guarded = await startGateway(['--rtmp', 'embedded'], GUARDED)
    expect((await fetch(`${guarded.url}/metrics`, NOT_KEPT)).status).toBe(401)
    const token = await publishToken('secretive')
    await publish(ingestUrl(guarded, 'secretive'), await readRecording('chrome-h264.webm'), { pace: 'fast', token })
    const text = await until('the events were counted', async () => {
      const text = await (await fetch(`${guarded.url}/metrics`, { headers: KEY })).text()
      return text.includes('castgate_events_total{type="stream.ended"} 1') ? text : null
    })
    expect(text).toMatch(/castgate_received_bytes_total [1-9]/)
    expect(text).toMatch(/castgate_chunk_seconds_count [1-9]/)
    expect(text).not.toContain('secretive')
    await guarded.stop()
  })
})
