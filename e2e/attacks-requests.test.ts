import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hello } from './support/attacker.ts'
import { startGateway, type TestGateway } from './support/gateway.ts'
import { ingestUrl, TestSocket } from './support/publisher.ts'
import { GUARDED, playToken, publishToken } from './support/tokens.ts'
import { NOT_KEPT } from './support/wait.ts'

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
      const socket = await new TestSocket(ingestUrl(gateway, 'links'), undefined, {
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
    const socket = await new TestSocket(ingestUrl(gateway, 'one'), undefined, { headers: from('192.0.2.1') }).opened()
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
      [1, 2, 3].map(() => new TestSocket(ingestUrl(gateway, 'x'), undefined, { headers: from('192.0.2.3') }).opened()),
    )
    const fourth = await new TestSocket(ingestUrl(gateway, 'x'), undefined, { headers: from('192.0.2.3') }).opened()
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
      fetch(`${gateway.url}/api/presets`, { headers: { ...NOT_KEPT.headers, ...from(address) } })
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
    const socket = await new TestSocket(ingestUrl(gateway, 'much'), undefined, { headers: from('192.0.2.7') }).opened()
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
