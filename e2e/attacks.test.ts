import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { UnsecuredJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { startGateway, startLoop, type TestGateway } from './support/gateway.ts'
import { FFMPEG } from './support/media.ts'
import { mediaPath, TestSocket } from './support/publisher.ts'
import { ADMIN, ADMIN_KEY, GUARDED, playToken, publishToken, SECRET, tokenFor } from './support/tokens.ts'
import { NOT_KEPT, until } from './support/wait.ts'

const SITE = 'https://site.example'

/** What a socket that says hello with `token` gets: null where it is let in, else the close code and the name of the error. */
async function hello(
  gateway: TestGateway,
  stream: string,
  token: string | null,
  headers: Record<string, string> = {},
): Promise<[number, string | null] | null> {
  const socket = await new TestSocket(`${ingest(gateway)}/${stream}`, undefined, { headers }).opened()
  socket.send({ type: 'hello', session: null, ...(token !== null && { token }) })
  const welcomed = socket.message('welcome').then(
    () => null,
    async () => {
      const { code, error } = await socket.closed
      return [code, error] as [number, string | null]
    },
  )
  const result = await welcomed
  if (result === null) {
    socket.send({ type: 'end' })
    await socket.closed
  }
  return result
}

const ingest = (gateway: TestGateway) => `${gateway.url.replace('http', 'ws')}/ingest`

/** Publishes a recording to the RTMP server of `gateway` until it is killed, or refused. */
function publishRtmp(gateway: TestGateway, key: string): ChildProcess {
  const input = ['-re', '-stream_loop', '-1', '-i', mediaPath('synthetic-h264-aac.mp4')]
  const url = `rtmp://127.0.0.1:${gateway.rtmpPort}/live/${key}`
  return spawn(FFMPEG, ['-v', 'quiet', ...input, '-c', 'copy', '-f', 'flv', url], { stdio: 'ignore' })
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'close')
}

describe('a publisher', () => {
  let gateway: TestGateway
  beforeAll(async () => {
    gateway = await startGateway(['--rtmp', 'embedded', '--origin', SITE, '--resume-seconds', '1'], GUARDED)
  })
  afterAll(() => gateway.stop())

  it('is let in with a token for the stream, also from a page that is allowed', async () => {
    expect(await hello(gateway, 'mine', await publishToken('mine'))).toBeNull()
    expect(await hello(gateway, 'mine', await publishToken('m*'), { origin: SITE })).toBeNull()
    expect(await hello(gateway, 'mine', null, { authorization: `Bearer ${await publishToken('mine')}` })).toBeNull()
  })

  const REFUSED: [string, () => Promise<string | null>, number, string][] = [
    ['without a token', async () => null, 4401, 'unauthorized'],
    ['with an empty token', async () => '', 4401, 'unauthorized'],
    ['with something else', async () => 'hello', 4401, 'unauthorized'],
    ['with the secret itself', async () => SECRET, 4401, 'unauthorized'],
    ['with the admin key', async () => ADMIN_KEY, 4401, 'unauthorized'],
    [
      'with an expired token',
      () => tokenFor({ stream: 'mine', publish: true }, { seconds: -60 }),
      4401,
      'unauthorized',
    ],
    [
      'with a token of the future',
      () => tokenFor({ stream: 'mine', publish: true, nbf: Date.now() / 1000 + 600 }),
      4401,
      'unauthorized',
    ],
    [
      'with another signature',
      () => tokenFor({ stream: 'mine', publish: true }, { secret: 'another secret of 32 letters, too' }),
      4401,
      'unauthorized',
    ],
    [
      'with alg: none',
      async () => new UnsecuredJWT({ stream: 'mine', publish: true }).setExpirationTime('1h').encode(),
      4401,
      'unauthorized',
    ],
    ["with another stream's token", () => publishToken('other'), 4403, 'forbidden'],
    ['with a token to watch', () => playToken('mine'), 4403, 'forbidden'],
    ['with a token that allows nothing', () => tokenFor({ stream: 'mine' }), 4403, 'forbidden'],
    ['with a stream that is no name', () => tokenFor({ stream: '../mine', publish: true }), 4401, 'unauthorized'],
  ]
  it.each(REFUSED)('is refused %s', async (_, token, code, error) => {
    expect(await hello(gateway, 'mine', await token())).toEqual([code, error])
  })

  it.each(['https://evil.example', 'http://site.example', 'https://site.example.evil.example', 'null'])(
    'is refused from a page of %s, even with a token: any page may open a WebSocket',
    async (origin) => {
      expect(await hello(gateway, 'mine', await publishToken('mine'), { origin })).toEqual([4403, 'forbidden'])
    },
  )

  it('cannot resume a session without a token, whoever knows its id', async () => {
    const socket = await new TestSocket(`${ingest(gateway)}/held`).opened()
    socket.send({ type: 'hello', session: null, token: await publishToken('held') })
    const { session } = await socket.message('welcome')
    const thief = await new TestSocket(`${ingest(gateway)}/held`).opened()
    thief.send({ type: 'hello', session })
    expect(await thief.closed).toMatchObject({ code: 4401 })
    socket.send({ type: 'end' })
    expect(await socket.closed).toMatchObject({ code: 1000 })
  })

  it('is cut off when its token expires', async () => {
    const socket = await new TestSocket(`${ingest(gateway)}/short`).opened()
    const token = await tokenFor({ stream: 'short', publish: true }, { seconds: 2 })
    socket.send({ type: 'hello', session: null, token })
    await socket.message('welcome')
    expect(await socket.closed).toMatchObject({ code: 4401, message: expect.stringMatching(/has expired/) })
    expect(await gateway.stream('short')).toBeNull()
  })

  it('is cut off after the seconds that its token allows', async () => {
    const socket = await new TestSocket(`${ingest(gateway)}/limited`).opened()
    const token = await tokenFor({ stream: 'limited', publish: true, maxSeconds: 1 })
    socket.send({ type: 'hello', session: null, token })
    await socket.message('welcome')
    expect(await socket.closed).toMatchObject({ code: 4403, message: expect.stringMatching(/broadcasts of 1 s/) })
  })

  it('is cut off where it sends more bits than its token allows', async () => {
    const socket = await new TestSocket(`${ingest(gateway)}/heavy`).opened()
    const token = await tokenFor({ stream: 'heavy', publish: true, maxBitrate: 1000 })
    socket.send({ type: 'hello', session: null, token })
    await socket.message('welcome')
    socket.send({ type: 'epoch', epoch: 0, at: 0, mimeType: 'video/webm' })
    const header = Buffer.from('1a45dfa3', 'hex')
    socket.send(Buffer.concat([Buffer.alloc(8), header, Buffer.alloc(100_000, 0x80)]))
    const { code } = await socket.closed
    expect([4403, 4415]).toContain(code)
  })

  it('is cut off when the operator stops the broadcast, and its token is worth nothing then', async () => {
    const token = await publishToken('stopped')
    const socket = await new TestSocket(`${ingest(gateway)}/stopped`).opened()
    socket.send({ type: 'hello', session: null, token })
    await socket.message('welcome')
    const stop = (headers: Record<string, string>) =>
      fetch(`${gateway.url}/api/streams/stopped/stop`, { method: 'POST', headers })
    for (const headers of [NOT_KEPT.headers, { ...NOT_KEPT.headers, authorization: `Bearer ${token}` }]) {
      expect((await stop(headers)).status).toBe(401)
    }
    const { 'content-type': _, ...key } = ADMIN
    expect((await stop(key)).status).toBe(204)
    expect(await socket.closed).toMatchObject({ code: 4403, message: expect.stringMatching(/operator/) })
    expect(await hello(gateway, 'stopped', token)).toEqual([4401, 'unauthorized'])
    expect(await hello(gateway, 'stopped', await publishToken('stopped'))).toBeNull()
  })

  it('is cut off when its token is revoked by its id', async () => {
    const token = await tokenFor({ stream: 'revoked', publish: true, jti: 'the-id' })
    const socket = await new TestSocket(`${ingest(gateway)}/revoked`).opened()
    socket.send({ type: 'hello', session: null, token })
    await socket.message('welcome')
    const body = JSON.stringify({ jti: 'the-id' })
    expect((await fetch(`${gateway.url}/api/tokens/revoke`, { method: 'POST', headers: ADMIN, body })).status).toBe(204)
    expect(await socket.closed).toMatchObject({ code: 4401, message: expect.stringMatching(/revoked/) })
    expect(await hello(gateway, 'revoked', token)).toEqual([4401, 'unauthorized'])
  })

  it.each([
    '%2e%2e',
    '..%2f..%2fetc',
    '%00',
    'a%00b',
    'ä',
    '%C3%A4',
    '%2525',
    'a b',
    'a%20b',
    'x'.repeat(65),
    '%',
    '%ff',
  ])('is refused under the name %j, in whatever encoding', async (name) => {
    const result = await hello(gateway, encodeURI(name) === name ? name : encodeURI(name), await publishToken('*'))
    expect(result).toEqual([4400, 'bad_message'])
  })

  it('tells nobody its token: not the log, not the API, not an error', async () => {
    const token = await publishToken('quiet')
    const socket = await new TestSocket(`${ingest(gateway)}/quiet?token=${token}`).opened()
    socket.send({ type: 'hello', session: null, token: `${token}x` })
    const { message } = await socket.closed
    const referer = { ...NOT_KEPT.headers, referer: `${gateway.url}/watch/quiet?token=${token}` }
    const answers = await Promise.all(
      [`/nowhere?token=${token}`, `/api/streams/quiet?token=${token}`, `/hls/quiet.m3u8?token=${token}`, '/%'].map(
        async (path) => (await fetch(gateway.url + path, { headers: referer })).text(),
      ),
    )
    const said = [message, ...answers, JSON.stringify(gateway.program.output())].join('\n')
    expect(said).not.toContain(token.slice(0, 20))
    expect(said).not.toContain(SECRET)
    expect(said).not.toContain(ADMIN_KEY)
  })
})

describe('the admin calls', () => {
  let gateway: TestGateway
  beforeAll(async () => {
    gateway = await startGateway(['--rtmp', 'embedded'], GUARDED)
  })
  afterAll(() => gateway.stop())

  const post = (path: string, body: unknown, headers: Record<string, string> = ADMIN) =>
    fetch(gateway.url + path, { method: 'POST', headers, body: JSON.stringify(body) })

  it('make tokens that work, and nothing more than was asked', async () => {
    const answer = await post('/api/tokens', { stream: 'made', publish: true, ttl: 60 })
    expect(answer.status).toBe(201)
    const { token, expiresAt } = (await answer.json()) as { token: string; expiresAt: string }
    expect(Date.parse(expiresAt) - Date.now()).toBeLessThan(61_000)
    expect(await hello(gateway, 'made', token)).toBeNull()
    expect(await hello(gateway, 'other', token)).toEqual([4403, 'forbidden'])
  })

  it.each([
    ['no key', {}, 401],
    ['a wrong key', { authorization: 'Bearer guess' }, 401],
    ['a key in another scheme', { authorization: `Basic ${btoa(`admin:${ADMIN_KEY}`)}` }, 401],
  ])('are refused with %s', async (_, headers, status) => {
    const answer = await post('/api/tokens', { stream: 'x', publish: true }, { ...NOT_KEPT.headers, ...headers })
    expect(answer.status).toBe(status)
    expect(answer.headers.get('www-authenticate')).toBe('Bearer')
    expect(await answer.json()).toEqual({
      error: { code: 'unauthorized', message: expect.stringMatching(/admin key/) },
    })
  })

  it.each([
    ['nothing', {}],
    ['no right', { stream: 'x' }],
    ['a bad name', { stream: '../x', publish: true }],
    ['an endless time', { stream: 'x', publish: true, ttl: 1e12 }],
    ['a bad limit', { stream: 'x', publish: true, maxBitrate: '9' }],
    ['a list', []],
  ])('are refused in words with %s', async (_, body) => {
    const answer = await post('/api/tokens', body)
    expect(answer.status).toBe(400)
    expect(await answer.json()).toEqual({
      error: { code: 'bad_request', message: expect.stringMatching(/must (be|have)/) },
    })
  })

  it('are refused by a gateway without an admin key', async () => {
    const open = await startGateway(['--rtmp', 'embedded'])
    try {
      const answer = await fetch(`${open.url}/api/tokens`, { method: 'POST', headers: ADMIN, body: '{}' })
      expect(answer.status).toBe(403)
      await answer.text()
    } finally {
      await open.stop()
    }
  })
})

describe('a gateway without tokens', () => {
  let gateway: TestGateway
  beforeAll(async () => {
    gateway = await startGateway(['--rtmp', 'embedded'])
  })
  afterAll(() => gateway.stop())

  it('lets its own pages broadcast, and pages of others not', async () => {
    expect(await hello(gateway, 'own', null, { origin: gateway.url })).toBeNull()
    expect(await hello(gateway, 'own', null, { origin: 'https://evil.example' })).toEqual([4403, 'forbidden'])
  })

  it('does not take a name that was made to point here for its own (DNS rebinding)', async () => {
    const host = `evil.example:${gateway.port}`
    expect(await hello(gateway, 'own', null, { origin: `http://${host}`, host })).toEqual([4403, 'forbidden'])
  })
})

describe('a viewer of a private gateway', () => {
  let gateway: TestGateway
  let push: Awaited<ReturnType<typeof startLoop>>
  beforeAll(async () => {
    gateway = await startGateway(['--rtmp', 'nginx', '--private', '--origin', SITE], GUARDED)
    push = await startLoop(gateway, 'secret', undefined, {
      publish: await publishToken('secret'),
      play: await playToken('secret'),
    })
    const token = await playToken('secret')
    await until('there is HLS', async () => (await fetch(`${gateway.url}/hls/secret.m3u8?token=${token}`, NOT_KEPT)).ok)
    await until(
      'there is LL-HLS',
      async () => (await fetch(`${gateway.url}/hls/secret/ll.m3u8?token=${token}`, NOT_KEPT)).ok,
    )
  })
  afterAll(async () => {
    await push.stop()
    await gateway.stop()
  })

  const PLACES = ['/live/secret.flv', '/hls/secret.m3u8', '/hls/secret/ll.m3u8', '/api/streams/secret']

  it.each(PLACES)('gets nothing without a token that lets them watch: %s', async (place) => {
    const wrong: [string | null, number][] = [
      [null, 401],
      ['hello', 401],
      [await playToken('other'), 403],
      [await publishToken('secret'), 403],
      [await tokenFor({ stream: 'secret', play: true }, { seconds: -60 }), 401],
    ]
    for (const [token, status] of wrong) {
      const answer = await fetch(`${gateway.url}${place}${token ? `?token=${token}` : ''}`, NOT_KEPT)
      expect(answer.status).toBe(status)
      expect(answer.headers.get('cache-control')).toBe('no-store')
      await answer.text()
    }
    const twice = await fetch(`${gateway.url}${place}?token=x&token=${await playToken('secret')}`, NOT_KEPT)
    expect(twice.status).toBe(401)
  })

  it.each(PLACES)('gets it with one, in the link or in a header: %s', async (place) => {
    const token = await playToken('secret')
    const bearer = { headers: { ...NOT_KEPT.headers, authorization: `Bearer ${token}` } }
    for (const answer of [
      await fetch(`${gateway.url}${place}?token=${token}`, NOT_KEPT),
      await fetch(gateway.url + place, bearer),
    ]) {
      expect(answer.status).toBe(200)
      await answer.body?.cancel()
    }
  })

  it.each(['/hls/secret.m3u8', '/hls/secret/ll.m3u8'])(
    'finds the token in each link of %s, and no link without',
    async (place) => {
      const token = await playToken('secret')
      const playlist = await (await fetch(`${gateway.url}${place}?token=${token}`, NOT_KEPT)).text()
      const links = [...playlist.matchAll(/^([^#\s].*)$|URI="([^"]+)"/gm)].map(([, line, uri]) => line ?? uri ?? '')
      expect(links.length).toBeGreaterThan(0)
      const last = links.findLast((link) => !link.includes('.mp4')) ?? ''
      for (const link of [links[0] ?? '', last]) {
        const url = new URL(link, `${gateway.url}${place}`)
        expect(url.searchParams.get('token')).toBe(token)
        expect((await fetch(url, NOT_KEPT)).status).toBe(200)
        url.search = ''
        expect((await fetch(url, NOT_KEPT)).status).toBe(401)
      }
    },
  )

  it('gets no HLS from nginx itself, and no list of streams', async () => {
    const token = await playToken('secret')
    const answer = await fetch(`http://127.0.0.1:${gateway.hlsPort}/hls/secret.m3u8?token=${token}`, NOT_KEPT)
    expect(answer.status).toBe(404)
    expect((await fetch(`${gateway.url}/api/streams`, NOT_KEPT)).status).toBe(401)
    expect((await fetch(`${gateway.url}/api/streams`, { headers: ADMIN })).status).toBe(200)
  })

  it('opens a WebSocket with a token, and from an allowed page alone', async () => {
    const url = `${gateway.url.replace('http', 'ws')}/live/secret.flv`
    const token = await playToken('secret')
    expect(await opens(url)).toBe(401)
    expect(await opens(`${url}?token=${token}`, 'https://evil.example')).toBe(403)
    expect(await opens(`${url}?token=${token}`, SITE)).toBe('open')
  })

  it('is cut off when the token expires', async () => {
    const token = await tokenFor({ stream: 'secret', play: true }, { seconds: 2 })
    const answer = await fetch(`${gateway.url}/live/secret.flv?token=${token}`, NOT_KEPT)
    expect(answer.status).toBe(200)
    // It has no length: its end is that of the connection. The test's own time limit ends what goes on.
    expect((await answer.arrayBuffer()).byteLength).toBeGreaterThan(0)
  })

  it('does not play over RTMP, with a token or without: nothing would end it with the token', async () => {
    const play = async (query: string) => {
      const url = `rtmp://127.0.0.1:${gateway.rtmpPort}/live/secret${query}`
      const child = spawn(FFMPEG, ['-v', 'error', '-i', url, '-t', '1', '-c', 'copy', '-f', 'null', '-'], {
        stdio: 'ignore',
      })
      const [code] = (await once(child, 'close')) as [number]
      return code
    }
    expect(await play(`?token=${await playToken('secret')}`)).not.toBe(0)
    expect(await play('')).not.toBe(0)
    expect(await play('?gateway=guess')).not.toBe(0)
  })
})

describe.each(['nginx', 'embedded'])('an encoder at the %s RTMP server', (rtmp) => {
  let gateway: TestGateway
  beforeAll(async () => {
    gateway = await startGateway(['--rtmp', rtmp], GUARDED)
  })
  afterAll(() => gateway.stop())

  const state = async (name: string) => (await gateway.stream(name))?.state

  it.each([
    ['without a token', async () => ''],
    ['with a wrong one', async () => `?token=${await tokenFor({ stream: 'cam', publish: true }, { secret: 'x' })}`],
    ["with another stream's", async () => `?token=${await publishToken('other')}`],
    ['with one to watch', async () => `?token=${await playToken('cam')}`],
    ['with a guess of the gateway’s own secret', async () => '?gateway=guess'],
    ['with two', async () => `?token=${await publishToken('cam')}&token=${await publishToken('cam')}`],
  ])('gets nowhere %s', async (_, query) => {
    const before = gateway.log().length
    const encoder = publishRtmp(gateway, `cam${await query()}`)
    await ended(encoder)
    expect(await state('cam')).toBeUndefined()
    const said = JSON.stringify(gateway.log().slice(before))
    expect(said).not.toContain('eyJ')
    expect(said).not.toContain('broadcast began')
  })

  it('broadcasts with a token in the query of its stream key, and is cut off when it is stopped', async () => {
    const token = await publishToken('cam')
    const encoder = publishRtmp(gateway, `cam?token=${token}`)
    await until('it is live', async () => (await state('cam')) === 'live')
    const { 'content-type': _, ...key } = ADMIN
    const stopped = await fetch(`${gateway.url}/api/streams/cam/stop`, { method: 'POST', headers: key })
    expect(stopped.status).toBe(204)
    await ended(encoder)
    expect(await state('cam')).toBeUndefined()
    await ended(publishRtmp(gateway, `cam?token=${token}`))
    expect(await state('cam')).toBeUndefined()
    expect(JSON.stringify(gateway.program.output())).not.toContain(token.slice(0, 20))
  })

  it('is cut off when its token expires', async () => {
    const token = await tokenFor({ stream: 'brief', publish: true }, { seconds: 4 })
    const encoder = publishRtmp(gateway, `brief?token=${token}`)
    await until('it is live', async () => (await state('brief')) === 'live')
    await ended(encoder)
    await until('it is over', async () => (await state('brief')) === undefined)
  })
})

describe('requests with something hidden in them', () => {
  let gateway: TestGateway
  beforeAll(async () => {
    gateway = await startGateway(['--rtmp', 'embedded'], GUARDED)
  })
  afterAll(() => gateway.stop())

  /** Sends bytes as they are, and gives all that comes back. */
  function raw(request: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const socket = connect(gateway.port, '127.0.0.1', () => socket.end(request))
      let answer = ''
      socket.setEncoding('utf8').on('data', (text) => {
        answer += text
      })
      socket.once('error', reject)
      socket.once('close', () => resolve(answer))
    })
  }

  it.each([
    ['two lengths', 'Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello'],
    [
      'a length and chunks',
      'Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /healthz HTTP/1.1\r\n\r\n',
    ],
    ['a strange encoding', 'Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n'],
    ['a header with a bare line feed', 'X: a\nContent-Length: 5\r\n\r\nhello'],
    ['a space before the colon', 'Content-Length : 5\r\n\r\nhello'],
  ])('are refused and closed, not read as two: %s', async (_, rest) => {
    const answer = await raw(`POST /api/tokens HTTP/1.1\r\nHost: x\r\n${rest}`)
    expect(answer.match(/HTTP\/1\.1 /g)).toHaveLength(1)
    expect(answer).toMatch(/^HTTP\/1\.1 4\d\d /)
    expect(answer).not.toContain('"ffmpeg"')
  })

  it.each([['"><script>alert(1)</script>'], ['evil.example\r\nX-Injected: yes'], ['a/../../b']])(
    'do not put a host into links that is none: %j',
    async (host) => {
      const token = await publishToken('links')
      const socket = await new TestSocket(`${ingest(gateway)}/links`, undefined, {
        headers: { 'x-forwarded-host': host.replace(/[\r\n]/g, ' ') },
      }).opened()
      socket.send({ type: 'hello', session: null, token })
      const { playback } = await socket.message('welcome')
      expect(playback.watch).toBe(`${gateway.url}/watch/links`)
      socket.send({ type: 'end' })
      await socket.closed
    },
  )

  it.each(['%3Cscript%3E', '%22onload=x', '%0d%0aX-Injected:%20yes', "'", '%E2%80%AE'])(
    'are not repeated by errors as anything but JSON: %s',
    async (name) => {
      for (const path of [`/watch/${name}`, `/embed/player/${name}`, `/api/streams/${name}`, `/${name}`]) {
        const answer = await fetch(gateway.url + path, NOT_KEPT)
        expect(answer.status).toBe(404)
        expect(answer.headers.get('content-type')).toMatch(/^application\/json/)
        expect(answer.headers.get('x-content-type-options')).toBe('nosniff')
        expect(answer.headers.get('x-injected')).toBeNull()
        expect(await answer.text()).not.toContain('<')
      }
    },
  )

  it('find no referrer in the pages, and no cache that keeps what is for one', async () => {
    for (const path of ['/', '/watch/one', '/embed/player/one', '/embed/broadcast/one']) {
      const { headers } = await fetch(`${gateway.url}${path}?token=${await playToken('one')}`, NOT_KEPT)
      expect(headers.get('referrer-policy')).toBe('no-referrer')
      expect(headers.get('cache-control')).toBe('no-cache')
      expect(headers.get('content-security-policy')).toMatch(/script-src 'self'.*frame-ancestors /)
      expect(headers.get('content-security-policy')).not.toContain('unsafe')
    }
  })
})

describe('too much from one address', () => {
  let gateway: TestGateway
  beforeAll(async () => {
    const limits = 'sockets=3,broadcasts=1,hellos=4,calls=5,megabytes=1'
    gateway = await startGateway(['--rtmp', 'embedded', '--limits-per-address', limits], GUARDED)
  })
  afterAll(() => gateway.stop())

  /** As a proxy on this machine tells it. */
  const from = (address: string) => ({ 'x-forwarded-for': address })

  it('is refused: broadcasts at a time, and others are not', async () => {
    const token = await publishToken('*')
    const socket = await new TestSocket(`${ingest(gateway)}/one`, undefined, { headers: from('192.0.2.1') }).opened()
    socket.send({ type: 'hello', session: null, token })
    await socket.message('welcome')
    expect(await hello(gateway, 'two', token, from('192.0.2.1'))).toEqual([4429, 'too_many'])
    expect(await hello(gateway, 'two', token, from('192.0.2.2'))).toBeNull()
    socket.send({ type: 'end' })
    await socket.closed
    expect(await hello(gateway, 'two', token, from('192.0.2.1'))).toBeNull()
  })

  it('is refused: sockets at a time', async () => {
    const sockets = await Promise.all(
      [1, 2, 3].map(() => new TestSocket(`${ingest(gateway)}/x`, undefined, { headers: from('192.0.2.3') }).opened()),
    )
    const fourth = await new TestSocket(`${ingest(gateway)}/x`, undefined, { headers: from('192.0.2.3') }).opened()
    expect(await fourth.closed).toMatchObject({ code: 4429, error: 'too_many' })
    for (const socket of sockets) socket.cut()
  })

  it('is refused: hellos in a minute', async () => {
    for (let attempt = 0; attempt < 4; attempt++) {
      expect(await hello(gateway, 'x', 'guess', from('192.0.2.4'))).toEqual([4401, 'unauthorized'])
    }
    expect(await hello(gateway, 'x', 'guess', from('192.0.2.4'))).toEqual([4429, 'too_many'])
  })

  it('is refused: calls of the API in a minute', async () => {
    const call = (address: string) =>
      fetch(`${gateway.url}/api/streams`, { headers: { ...NOT_KEPT.headers, ...from(address) } })
    for (let attempt = 0; attempt < 5; attempt++) expect((await call('192.0.2.5')).status).toBe(200)
    const refused = await call('192.0.2.5')
    expect(refused.status).toBe(429)
    expect(refused.headers.get('retry-after')).toBe('60')
    expect(await refused.json()).toEqual({ error: { code: 'too_many', message: expect.stringMatching(/Try again/) } })
    expect((await call('192.0.2.6')).status).toBe(200)
    // What an address says of others before it is not believed.
    expect((await call('192.0.2.99, 192.0.2.5')).status).toBe(429)
  })

  it('is refused: megabytes in a minute', async () => {
    const socket = await new TestSocket(`${ingest(gateway)}/much`, undefined, { headers: from('192.0.2.7') }).opened()
    socket.send({ type: 'hello', session: null, token: await publishToken('much') })
    await socket.message('welcome')
    socket.send({ type: 'epoch', epoch: 0, at: 0, mimeType: 'video/webm' })
    for (let sequence = 0; sequence < 5; sequence++) {
      const chunk = Buffer.alloc(8 + 250_000)
      chunk.writeUInt32BE(sequence, 4)
      // A header that is never whole: EBML, of a size that is not there yet.
      if (sequence === 0) Buffer.from('1a45dfa310800000', 'hex').copy(chunk, 8)
      socket.send(chunk)
    }
    const { code } = await socket.closed
    expect([4429, 4415]).toContain(code)
  })
})

/** Whether a WebSocket opens: the status of the refusal, or `open`. */
async function opens(url: string, origin?: string): Promise<number | 'open'> {
  const socket = new WebSocket(url, { ...(origin !== undefined && { origin }) })
  return new Promise((resolve) => {
    socket.once('open', () => {
      resolve('open')
      socket.terminate()
    })
    socket.once('unexpected-response', (_, response) => {
      resolve(response.statusCode ?? 0)
      response.destroy()
    })
    socket.on('error', () => {})
  })
}
