import { UnsecuredJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hello } from './support/attacker.ts'
import { startGateway, type TestGateway } from './support/gateway.ts'
import { ingestUrl, TestSocket } from './support/publisher.ts'
import { ADMIN, ADMIN_KEY, GUARDED, playToken, publishToken, SECRET, tokenFor } from './support/tokens.ts'
import { NOT_KEPT } from './support/wait.ts'

const SITE = 'https://site.example'

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
    const socket = await new TestSocket(ingestUrl(gateway, 'held')).opened()
    socket.send({ type: 'hello', session: null, token: await publishToken('held') })
    const { session } = await socket.message('welcome')
    const thief = await new TestSocket(ingestUrl(gateway, 'held')).opened()
    thief.send({ type: 'hello', session })
    expect(await thief.closed).toMatchObject({ code: 4401 })
    socket.send({ type: 'end' })
    expect(await socket.closed).toMatchObject({ code: 1000 })
  })

  it('is cut off when its token expires', async () => {
    const socket = await new TestSocket(ingestUrl(gateway, 'short')).opened()
    const token = await tokenFor({ stream: 'short', publish: true }, { seconds: 2 })
    socket.send({ type: 'hello', session: null, token })
    await socket.message('welcome')
    expect(await socket.closed).toMatchObject({ code: 4401, message: expect.stringMatching(/has expired/) })
    expect(await gateway.stream('short')).toBeNull()
  })

  it('is cut off after the seconds that its token allows', async () => {
    const socket = await new TestSocket(ingestUrl(gateway, 'limited')).opened()
    const token = await tokenFor({ stream: 'limited', publish: true, maxSeconds: 1 })
    socket.send({ type: 'hello', session: null, token })
    await socket.message('welcome')
    expect(await socket.closed).toMatchObject({ code: 4403, message: expect.stringMatching(/broadcasts of 1 s/) })
  })

  it('is cut off where it sends more bits than its token allows', async () => {
    const socket = await new TestSocket(ingestUrl(gateway, 'heavy')).opened()
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
    const socket = await new TestSocket(ingestUrl(gateway, 'stopped')).opened()
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
    const socket = await new TestSocket(ingestUrl(gateway, 'revoked')).opened()
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
    const socket = await new TestSocket(ingestUrl(gateway, `quiet?token=${token}`)).opened()
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
