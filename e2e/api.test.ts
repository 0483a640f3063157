import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readyRecording, recordingsOf } from './support/archive.ts'
import { startGateway, startLoop, type TestGateway } from './support/gateway.ts'
import { validatorsOf } from './support/openapi.ts'
import { ingestUrl, publish, readRecording } from './support/publisher.ts'
import { type RtmpSink, startRtmpSink } from './support/rtmp-sink.ts'
import { ADMIN, ADMIN_KEY, GUARDED, publishToken } from './support/tokens.ts'
import { until } from './support/wait.ts'

/** What these tests read of the document. */
interface Operation {
  operationId: string
  responses: Record<string, { content?: Record<string, { schema: object }> }>
}
interface OpenApi {
  paths: Record<string, Record<string, Operation>>
  components: object
}

/** A request that a gateway with something live answers with success: what stands in the address, and what is sent. */
interface Request {
  parameters?: Record<string, string>
  query?: string
  body?: object
}

let gateway: TestGateway
let sink: RtmpSink
let loop: { stop(): Promise<void> }
let document: OpenApi
let validatorOf: ReturnType<typeof validatorsOf>
beforeAll(async () => {
  sink = await startRtmpSink()
  const options = ['--rtmp', 'embedded', '--record', '--disk-floor', '1MB', '--target-hosts', '127.0.0.0/8']
  gateway = await startGateway(options, GUARDED)
  document = (await (await fetch(`${gateway.url}/api/openapi.json`, { headers: ADMIN })).json()) as OpenApi
  validatorOf = validatorsOf(document)
  const token = await publishToken('done')
  await publish(ingestUrl(gateway, 'done'), await readRecording('chrome-h264.webm'), { pace: 'fast', token })
  await readyRecording(gateway, 'done')
  loop = await startLoop(gateway, 'cam', undefined, { publish: await publishToken('cam'), play: '' })
})
afterAll(async () => {
  await loop.stop()
  await gateway.stop()
  await sink.close()
})

function validate(schema: object, value: unknown): void {
  const check = validatorOf(schema)
  expect(check(value) ? null : check.errors, JSON.stringify(value)).toBeNull()
}

/** Asks for an operation, and checks the answer: it is a success, and as the document says. */
async function ask(operationId: string, { parameters = {}, query = '', body }: Request = {}): Promise<unknown> {
  for (const [path, methods] of Object.entries(document.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      if (operation.operationId !== operationId) continue
      const inPath = path.replace(/\{(\w+)\}/g, (_, name: string) => parameters[name] ?? `no-${name}`)
      const { 'content-type': _, ...headers } = ADMIN
      const answer = await fetch(`${gateway.url}${inPath}${query}`, {
        method: method.toUpperCase(),
        headers: body ? ADMIN : headers,
        ...(body && { body: JSON.stringify(body) }),
      })
      const bytes = Buffer.from(await answer.arrayBuffer())
      expect([operationId, answer.ok, answer.ok ? '' : bytes.toString()]).toEqual([operationId, true, ''])
      const content = operation.responses[answer.status]?.content ?? {}
      const [type = ''] = (answer.headers.get('content-type') ?? '').split(';')
      if (bytes.length > 0) expect(Object.keys(content)).toContain(type)
      if (type !== 'application/json') return bytes
      const value: unknown = JSON.parse(bytes.toString())
      validate(content[type]?.schema ?? { not: {} }, value)
      return value
    }
  }
  throw new Error(`There is no operation ${operationId}.`)
}

describe('a gateway that has something to tell', () => {
  it('answers every operation of its document with success, and as the document says', async () => {
    const asked = new Set<string>()
    const take = <T>(operationId: string, request?: Request): Promise<T> => {
      asked.add(operationId)
      return ask(operationId, request) as Promise<T>
    }
    const cam = { name: 'cam' }
    await take('getHealth')
    await take('listPresets')
    const { streams } = await take<{ streams: object[] }>('listStreams')
    expect(streams).toHaveLength(1)
    const target = { name: 'Backup', url: `rtmp://127.0.0.1:${sink.port}/live`, key: 'a-key-of-the-sink' }
    const { id } = await take<{ id: string }>('addTarget', { parameters: cam, body: target })
    await until('it is live', async () => {
      const { targets } = await take<{ targets: { state: string }[] }>('getStream', { parameters: cam })
      return targets.every(({ state }) => state === 'live') && targets.length === 1
    })
    await take('controlTarget', { parameters: { ...cam, id, action: 'pause' } })
    await take('removeTarget', { parameters: { ...cam, id } })
    expect(Buffer.isBuffer(await take('getThumbnail', { parameters: cam }))).toBe(true)
    await take('stopRecording', { parameters: cam })
    await take('startRecording', { parameters: cam })
    const [recording] = await recordingsOf(gateway, 'done')
    const { recordings } = await take<{ recordings: object[] }>('listRecordings')
    expect(recordings.length).toBeGreaterThan(1)
    await take('getRecording', { parameters: { id: recording?.id ?? '' } })
    await take('getRecordingFile', { parameters: { file: `${recording?.id}.mp4` }, query: '?download=1' })
    await take('deleteRecording', { parameters: { id: recording?.id ?? '' } })
    await take('makeToken', { body: { stream: 'x', publish: true } })
    await take('revokeToken', { body: { jti: 'the-id-of-a-token' } })
    const status = await take<{ streams: { beats: object[] }[]; processes: object[] }>('getStatus', {
      query: '?beats=300',
    })
    expect([status.streams.length, status.processes.length > 2]).toEqual([1, true])
    await take('stopStream', { parameters: cam })
    const { events } = await take<{ events: { type: string }[] }>('listEvents')
    expect(new Set(events.map(({ type }) => type))).toEqual(
      new Set([
        'stream.started',
        'stream.ended',
        'target.live',
        'recording.started',
        'recording.stopped',
        'recording.ready',
      ]),
    )
    expect(Buffer.from((await take('getMetrics')) as Buffer).toString()).toContain('castgate_broadcasts')
    const all = Object.values(document.paths).flatMap((methods) => Object.values(methods))
    expect(new Set(all.map(({ operationId }) => operationId))).toEqual(asked)
  })

  it('sends events and status, too, as the document says', async () => {
    const leaving = new AbortController()
    const answer = await fetch(`${gateway.url}/api/events?status=true`, {
      headers: { authorization: `Bearer ${ADMIN_KEY}`, accept: 'text/event-stream' },
      signal: leaving.signal,
    })
    let text = ''
    for await (const piece of answer.body ?? []) {
      text += new TextDecoder().decode(piece as Uint8Array)
      if (/event: status\ndata: .*\n\n/.test(text)) break
    }
    leaving.abort()
    const told = [...text.matchAll(/^event: (\S+)\ndata: (.*)$/gm)]
    expect(told.length).toBeGreaterThan(3)
    for (const [, type, data = ''] of told) {
      const name = type === 'status' ? 'GatewayStatus' : 'Event'
      validate({ $ref: `#/components/schemas/${name}` }, JSON.parse(data))
    }
  })
})
