import { once } from 'node:events'
import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { FlvReader } from '../server/flv/reader.ts'
import { kindOf, type Tag } from '../server/flv/tag.ts'
import { openSockets, startGateway, startLoop, type TestGateway } from './support/gateway.ts'
import { decode } from './support/media.ts'
import { ingestUrl, publish, readRecording } from './support/publisher.ts'
import { wholeTags } from './support/tags.ts'
import { NOT_KEPT, until } from './support/wait.ts'

let gateway: TestGateway
let push: Awaited<ReturnType<typeof startLoop>>
beforeAll(async () => {
  gateway = await startGateway(['--rtmp', 'embedded'])
  push = await startLoop(gateway, 'stream')
})
afterAll(async () => {
  await push.stop()
  await gateway.stop()
})

const viewers = async () => (await gateway.stream('stream'))?.viewers

/** Reads tags from HTTP-FLV until `enough` says so. */
async function watch(url: string, enough: (tags: Tag[]) => boolean): Promise<{ tags: Tag[]; bytes: Buffer }> {
  const leaving = new AbortController()
  const answer = await fetch(url, { signal: leaving.signal })
  const reader = new FlvReader()
  const tags: Tag[] = []
  const all: Buffer[] = []
  for await (const chunk of answer.body ?? []) {
    const bytes = Buffer.from(chunk as Uint8Array)
    all.push(bytes)
    tags.push(...reader.read(bytes))
    if (enough(tags)) break
  }
  leaving.abort()
  return { tags, bytes: Buffer.concat(all) }
}

const secondsOf = (tags: Tag[]) => {
  const frames = tags.filter((tag) => ['keyframe', 'interframe'].includes(kindOf(tag)))
  return ((frames.at(-1)?.timestamp ?? 0) - (frames[0]?.timestamp ?? 0)) / 1000
}

describe('HTTP-FLV', () => {
  it('begins with the headers and the current group of pictures, and goes on with every frame', async () => {
    const { tags, bytes } = await watch(`${gateway.url}/live/stream.flv`, (so) => secondsOf(so) > 3)
    expect(tags.slice(0, 4).map(kindOf)).toEqual(['metadata', 'video-header', 'audio-header', 'keyframe'])
    const times = tags.filter((tag) => kindOf(tag) === 'interframe').map(({ timestamp }) => timestamp)
    expect(Math.max(...times.slice(1).map((time, index) => time - (times[index] ?? 0)))).toBeLessThan(150)
    expect((await decode(wholeTags(bytes))).errors).toBe('')
  })

  it('says in its headers what proxies and pages of other sites need, also to HEAD', async () => {
    const leaving = new AbortController()
    const answers = [
      await fetch(`${gateway.url}/live/stream.flv`, { signal: leaving.signal }),
      await fetch(`${gateway.url}/live/stream.flv`, { method: 'HEAD', ...NOT_KEPT }),
    ]
    for (const answer of answers) {
      expect(answer.status).toBe(200)
      expect(answer.headers.get('content-type')).toBe('video/x-flv')
      expect(answer.headers.get('access-control-allow-origin')).toBe('*')
      expect(answer.headers.get('cache-control')).toBe('no-store')
    }
    expect(answers[0]?.headers.get('x-accel-buffering')).toBe('no')
    leaving.abort()
  })

  it('comes over a WebSocket as well, as the same bytes in binary messages', async () => {
    const socket = new WebSocket(`${gateway.url.replace('http', 'ws')}/live/stream.flv`)
    const reader = new FlvReader()
    const tags: Tag[] = []
    const enough = new Promise<void>((resolve, reject) => {
      socket.on('message', (data: Buffer, isBinary: boolean) => {
        if (!isBinary) reject(new Error('A text message came.'))
        tags.push(...reader.read(data))
        if (secondsOf(tags) > 3) resolve()
      })
      socket.on('error', reject)
    })
    await enough
    expect(await viewers()).toMatchObject({ flv: 0, flvWebSocket: 1 })
    socket.ping()
    await once(socket, 'pong')
    socket.close()
    await once(socket, 'close')
    expect(tags.slice(0, 4).map(kindOf)).toEqual(['metadata', 'video-header', 'audio-header', 'keyframe'])
    await until('nobody watches', async () => (await viewers())?.flvWebSocket === 0)
  })

  it('closes a WebSocket that says more than a viewer has to say', async () => {
    const socket = new WebSocket(`${gateway.url.replace('http', 'ws')}/live/stream.flv`)
    await once(socket, 'open')
    socket.send(Buffer.alloc(100_000))
    const [code] = (await once(socket, 'close')) as [number]
    expect(code).toBe(1009)
  })

  it('ends with the broadcast, over HTTP and over a WebSocket', async () => {
    const whole = await readRecording('chrome-h264.webm')
    const published = publish(ingestUrl(gateway, 'short'), {
      ...whole,
      blobs: whole.blobs.slice(0, 20),
    })
    await until('it is live', async () => (await gateway.stream('short'))?.state === 'live')
    const socket = new WebSocket(`${gateway.url.replace('http', 'ws')}/live/short.flv`)
    const closed = once(socket, 'close') as Promise<[number]>
    const { tags } = await watch(`${gateway.url}/live/short.flv`, () => false)
    expect(tags.length).toBeGreaterThan(10)
    expect((await closed)[0]).toBe(1000)
    await published
  })

  it.each(['/live/nobody.flv', '/live/nobody', '/live/..flv'])('is a 404 at once for %s', async (path) => {
    const answer = await fetch(`${gateway.url}${path}`, NOT_KEPT)
    expect([answer.status, answer.headers.get('access-control-allow-origin')]).toEqual([404, '*'])
    expect(await answer.json()).toMatchObject({ error: { code: 'not_found' } })
    const socket = new WebSocket(`${gateway.url.replace('http', 'ws')}${path}`)
    const [, response] = (await once(socket, 'unexpected-response')) as [unknown, { statusCode: number }]
    expect(response.statusCode).toBe(404)
    socket.on('error', () => {})
    socket.terminate()
  })

  it.each(['POST', 'PUT', 'DELETE', 'PATCH'])('refuses %s, and says what it takes', async (method) => {
    for (const path of ['/live/stream.flv', '/hls/stream.m3u8', '/hls/stream/ll.m3u8']) {
      const answer = await fetch(`${gateway.url}${path}`, { method, body: '<x/>', ...NOT_KEPT })
      expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'GET, HEAD, OPTIONS'])
      expect(await answer.json()).toMatchObject({ error: { code: 'method_not_allowed' } })
    }
  })

  it('takes no notice of a Range, since a live stream has none', async () => {
    const leaving = new AbortController()
    const answer = await fetch(`${gateway.url}/live/stream.flv`, {
      headers: { range: 'bytes=1000-2000' },
      signal: leaving.signal,
    })
    expect(answer.status).toBe(200)
    leaving.abort()
  })

  it('refuses a stream behind another request on the same connection, where it would never end', async () => {
    const socket = connect(gateway.port, '127.0.0.1')
    const ask = (path: string) => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`
    socket.write(ask('/hls/stream.m3u8?_HLS_msn=1') + ask('/live/stream.flv'))
    let text = ''
    socket.setEncoding('latin1').on('data', (data) => {
      text += data
    })
    await until('both are answered', () => (text.match(/HTTP\/1\.1 /g) ?? []).length === 2)
    expect(text.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 400'])
    socket.destroy()
  })

  it('leaves nothing open when viewers come and go, a hundred of them', async () => {
    await until('all have gone', async () => (await viewers())?.flv === 0)
    const before = await openSockets(gateway)
    const leaving = new AbortController()
    await Promise.all(
      Array.from({ length: 100 }, () => fetch(`${gateway.url}/live/stream.flv`, { signal: leaving.signal })),
    )
    expect((await viewers())?.flv).toBe(100)
    leaving.abort()
    await until('all have gone', async () => (await viewers())?.flv === 0)
    await until('their sockets are closed', async () => (await openSockets(gateway)) <= before)
  })
})
