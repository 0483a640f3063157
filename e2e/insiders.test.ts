import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { encodeChunk } from '../shared/chunk.ts'
import type { StreamStatus } from '../shared/status.ts'
import { startGateway, startLoop, type TestGateway } from './support/gateway.ts'
import { ingestUrl, mediaPath, TestSocket } from './support/publisher.ts'
import { type RtmpSink, startRtmpSink } from './support/rtmp-sink.ts'
import { ADMIN, ADMIN_KEY, GUARDED, playToken, publishToken, SECRET, tokenFor, WITH_KEY } from './support/tokens.ts'
import { NOT_KEPT, until } from './support/wait.ts'

const TARGET = 'The operator’s backup'

interface Answer {
  status: number
  text: string
  headers: Headers
}

async function get(gateway: TestGateway, path: string, bearer: string | null = null): Promise<Answer> {
  const headers = { ...NOT_KEPT.headers, ...(bearer !== null && { authorization: `Bearer ${bearer}` }) }
  const answer = await fetch(`${gateway.url}${path}`, { headers })
  return { status: answer.status, text: await answer.text(), headers: answer.headers }
}

const listOf = (answer: Answer) => (JSON.parse(answer.text) as { streams: StreamStatus[] }).streams
const streamOf = (answer: Answer) => JSON.parse(answer.text) as StreamStatus

describe.each([
  ['a secret and an admin key', GUARDED],
  ['a secret alone', { CASTGATE_SECRET: SECRET }],
  ['an admin key alone', WITH_KEY],
] as [string, Record<string, string>][])('a gateway with %s', (_, environment) => {
  const hasSecret = 'CASTGATE_SECRET' in environment
  const hasKey = 'CASTGATE_ADMIN_KEY' in environment
  let gateway: TestGateway
  let sink: RtmpSink
  let loops: { stop(): Promise<void> }[]
  beforeAll(async () => {
    sink = await startRtmpSink()
    const hosts = ['--target-hosts', '127.0.0.0/8', '--publisher-targets']
    gateway = await startGateway(['--rtmp', 'nginx', ...hosts], environment)
    const start = async (name: string) =>
      startLoop(
        gateway,
        name,
        mediaPath('chrome-h264.mp4'),
        hasSecret ? { publish: await publishToken(name), play: '' } : null,
      )
    loops = [await start('cam'), await start('other')]
    if (!hasKey) return
    const body = JSON.stringify({ name: TARGET, url: `rtmp://127.0.0.1:${sink.port}/live`, key: 'a-key' })
    for (const name of ['cam', 'other']) {
      await fetch(`${gateway.url}/api/streams/${name}/targets`, { method: 'POST', headers: ADMIN, body })
    }
  })
  afterAll(async () => {
    for (const loop of loops) await loop.stop()
    await gateway.stop()
    await sink.close()
  })

  it('lists no stream for a stranger, and no target of one whose name they know', async () => {
    const strangers = [null, 'guess', ...(hasSecret ? [await playToken('*')] : [])]
    for (const bearer of strangers) {
      const list = await get(gateway, '/api/streams', bearer)
      expect(list.status).toBe(hasKey ? 401 : 403)
      expect(list.text).not.toMatch(/cam|other/)
      const one = await get(gateway, '/api/streams/cam', bearer)
      expect(one.status).toBe(200)
      expect(streamOf(one)).toMatchObject({ name: 'cam', state: 'live', targets: [], video: { width: 1280 } })
      expect(streamOf(one)).toMatchObject({
        startedAt: expect.any(String),
        viewers: expect.any(Object),
        playback: { hls: expect.any(String) },
      })
      expect(one.text).not.toMatch(/operator|nginx|127\.0\.0\.1:1935/)
      // A cache that keeps it for a moment must not give it to those who may know more.
      expect(one.headers.get('vary')).toContain('Authorization')
    }
    for (const path of ['/api/events', '/api/status', '/api/recordings']) {
      expect((await get(gateway, path)).status).toBe(hasKey ? 401 : 403)
    }
  })

  it.runIf(hasKey)('tells an admin all of it', async () => {
    expect(listOf(await get(gateway, '/api/streams', ADMIN_KEY)).map(({ name }) => name)).toEqual(['cam', 'other'])
    const one = await get(gateway, '/api/streams/cam', ADMIN_KEY)
    expect(streamOf(one).targets.map(({ name }) => name)).toContain(TARGET)
    expect(one.headers.get('cache-control')).toBe('no-store')
  })

  it.runIf(hasSecret)('tells a publisher of their own streams alone, by their token', async () => {
    const token = await publishToken('cam')
    expect(listOf(await get(gateway, '/api/streams', token)).map(({ name }) => name)).toEqual(['cam'])
    expect(streamOf(await get(gateway, '/api/streams/cam', token)).targets.length).toBeGreaterThan(0)
    expect(streamOf(await get(gateway, '/api/streams/other', token)).targets).toEqual([])
    const pattern = await tokenFor({ stream: 'o*', publish: true })
    expect(listOf(await get(gateway, '/api/streams', pattern)).map(({ name }) => name)).toEqual(['other'])
    const stale = await tokenFor({ stream: '*', publish: true }, { seconds: -60 })
    expect((await get(gateway, '/api/streams', stale)).status).toBe(hasKey ? 401 : 403)
  })

  it('tells a publisher of their own stream over their socket, and by the id of their session', async () => {
    const socket = await new TestSocket(ingestUrl(gateway, 'mine')).opened()
    socket.send({ type: 'hello', session: null, ...(hasSecret && { token: await publishToken('mine') }) })
    const { session } = await socket.message('welcome')
    socket.send({ type: 'epoch', epoch: 0, at: 0, mimeType: 'video/mp4' })
    const recording = await readFile(mediaPath('chrome-h264.mp4'))
    for (let sequence = 0; sequence * 65_536 < recording.length; sequence++) {
      const payload = recording.subarray(sequence * 65_536, (sequence + 1) * 65_536)
      socket.send(encodeChunk({ epoch: 0, sequence, payload }))
    }
    await until('a status has its target', () =>
      socket.messages.some((message) => message.type === 'status' && message.targets.length > 0),
    )
    expect(streamOf(await get(gateway, '/api/streams/mine', session)).targets.length).toBeGreaterThan(0)
    expect(listOf(await get(gateway, '/api/streams', session)).map(({ name }) => name)).toEqual(['mine'])
    expect(streamOf(await get(gateway, '/api/streams/cam', session)).targets).toEqual([])
    socket.send({ type: 'end' })
    await socket.closed
  })
})

describe('a gateway with neither', () => {
  it('tells all of it to everyone who reaches it, since nobody can be told apart', async () => {
    const gateway = await startGateway(['--rtmp', 'nginx'])
    const loop = await startLoop(gateway, 'cam')
    expect(listOf(await get(gateway, '/api/streams'))[0]?.targets).toHaveLength(1)
    expect(streamOf(await get(gateway, '/api/streams/cam')).targets).toHaveLength(1)
    await loop.stop()
    await gateway.stop()
  })
})

describe('a private gateway', () => {
  it('tells an admin and the publisher of a stream, who have no token to watch it', async () => {
    const gateway = await startGateway(['--rtmp', 'nginx', '--private'], GUARDED)
    const loop = await startLoop(gateway, 'cam', undefined, {
      publish: await publishToken('cam'),
      play: await playToken('cam'),
    })
    for (const bearer of [ADMIN_KEY, await publishToken('cam')]) {
      expect((await get(gateway, '/api/streams/cam', bearer)).status).toBe(200)
      expect((await get(gateway, '/api/streams/nobody', bearer)).status).toBe(bearer === ADMIN_KEY ? 404 : 403)
    }
    expect((await get(gateway, '/api/streams/cam')).status).toBe(401)
    await loop.stop()
    await gateway.stop()
  })
})
