import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startGateway, type TestGateway } from './support/gateway.ts'
import { offer } from './support/offer.ts'
import { freePort } from './support/resources.ts'
import { GUARDED, playToken, publishToken } from './support/tokens.ts'

const SDP = 'application/sdp'
const FRAGMENT = 'application/trickle-ice-sdpfrag'

let gateway: TestGateway
let token: string
beforeAll(async () => {
  gateway = await startGateway(['--rtmp', 'embedded', '--webrtc-port', `${await freePort()}`], GUARDED)
  token = await publishToken('*')
})
afterAll(() => gateway.stop())

const call = (path: string, method: string, { body, ...headers }: Record<string, string> = {}) =>
  fetch(gateway.url + path, {
    method,
    headers: { connection: 'close', ...headers },
    ...(body !== undefined && { body }),
  })

const bearer = () => ({ authorization: `Bearer ${token}` })
const post = (name: string, headers: Record<string, string> = {}) =>
  call(`/whip/${name}`, 'POST', { 'content-type': SDP, ...bearer(), body: offer(), ...headers })

/** A session that waits for its publisher: where it is, and its ETag. */
async function session(name: string): Promise<{ path: string; etag: string }> {
  const answer = await post(name)
  expect(answer.status).toBe(201)
  return { path: answer.headers.get('location') ?? '', etag: answer.headers.get('etag') ?? '' }
}

const codeOf = async (answer: Response) => [
  answer.status,
  ((await answer.json()) as { error: { code: string; message: string } }).error.code,
]

describe('POST (RFC 9725, section 4.2)', () => {
  it('makes a session: 201, the answer, a Location that nobody guesses, and a strong ETag', async () => {
    const answer = await post('made')
    expect(answer.status).toBe(201)
    expect(answer.headers.get('content-type')).toBe(SDP)
    expect(answer.headers.get('location')).toMatch(/^\/whip\/made\/[\w-]{24}$/)
    expect(answer.headers.get('etag')).toMatch(/^"[^"]+"$/)
    expect(await answer.text()).toMatch(/^v=0\r\n/)
    await call(answer.headers.get('location') ?? '', 'DELETE')
  })

  it('takes its token from the query as well, and the session says nothing of it', async () => {
    const answer = await call(`/whip/query?token=${token}`, 'POST', { 'content-type': SDP, body: offer() })
    expect(answer.status).toBe(201)
    const location = answer.headers.get('location') ?? ''
    expect(location).not.toContain('token')
    await call(location, 'DELETE')
    expect(gateway.program.output().stdout).not.toContain(token)
  })

  it.each([
    ['another type of body', { 'content-type': 'application/json', body: '{}' }, [415, 'unsupported_media']],
    ['no body', { body: '' }, [400, 'bad_request']],
    ['what is no description', { body: 'hello' }, [400, 'bad_request']],
    ['a description that is too long', { body: offer('a=x'.repeat(30_000)) }, [413, 'too_large']],
    ['an offer to receive', { body: offer().replaceAll('sendonly', 'recvonly') }, [422, 'unsupported_offer']],
    ['no token', { authorization: '' }, [401, 'unauthorized']],
    ['a page of another site', { origin: 'https://other.example' }, [403, 'forbidden']],
  ])('refuses %s', async (_, headers, refused) => {
    const answer = await post('refused', headers as Record<string, string>)
    expect(await codeOf(answer)).toEqual(refused)
    expect(answer.headers.get('location')).toBeNull()
    expect(await gateway.stream('refused')).toBeNull()
  })

  it('says how to authenticate where that is missing (RFC 6750, section 3)', async () => {
    expect((await post('x', { authorization: '' })).headers.get('www-authenticate')).toBe('Bearer')
  })

  it('refuses a token that lets its bearer watch, and a name that is none', async () => {
    expect(await codeOf(await post('x', { authorization: `Bearer ${await playToken('*')}` }))).toEqual([
      403,
      'forbidden',
    ])
    expect(await codeOf(await post('no%20name'))).toEqual([400, 'bad_request'])
  })

  it('gives up a session whose publisher never comes, and the name is free', async () => {
    const { path } = await session('never')
    await gateway.logged({ stream: 'never', msg: 'the publisher over WebRTC could not be received' })
    expect((await call(path, 'DELETE')).status).toBe(404)
    expect(await gateway.stream('never')).toBeNull()
    const { path: next } = await session('never')
    await call(next, 'DELETE')
  })
})

describe('a session (RFC 9725, section 4.3)', () => {
  it('is ended by DELETE, whatever its ETag, and is gone then', async () => {
    const { path } = await session('ended')
    expect((await call(path, 'DELETE', { 'if-match': '"other"' })).status).toBe(200)
    expect(await codeOf(await call(path, 'DELETE'))).toEqual([404, 'not_found'])
    expect(
      await codeOf(await call(path, 'PATCH', { 'content-type': FRAGMENT, 'if-match': '*', body: 'a=x\r\n' })),
    ).toEqual([404, 'not_found'])
  })

  it('takes candidates: 204, without a body and an ETag', async () => {
    const { path, etag } = await session('trickled')
    const body = 'm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\na=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\n'
    const answer = await call(path, 'PATCH', { 'content-type': FRAGMENT, 'if-match': etag, body })
    expect([answer.status, await answer.text(), answer.headers.get('etag')]).toEqual([204, '', null])
    await call(path, 'DELETE')
  })

  it('is begun anew from elsewhere: 200, new credentials and a new ETag', async () => {
    const { path, etag } = await session('restarted')
    const body = `a=ice-ufrag:efgh\r\na=ice-pwd:${'e'.repeat(24)}\r\n`
    const answer = await call(path, 'PATCH', { 'content-type': FRAGMENT, 'if-match': '*', body })
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, FRAGMENT])
    expect(await answer.text()).toMatch(/a=ice-ufrag:\w+\r\na=ice-pwd:\w+\r\n/)
    const next = answer.headers.get('etag') ?? ''
    expect(next).toMatch(/^"\w+"$/)
    expect(next).not.toBe(etag)
    const late = await call(path, 'PATCH', { 'content-type': FRAGMENT, 'if-match': etag, body: 'a=x\r\n' })
    expect(await codeOf(late)).toEqual([412, 'precondition_failed'])
    await call(path, 'DELETE')
  })

  it.each([
    ['without If-Match', { 'content-type': FRAGMENT, body: 'a=x\r\n' }, [428, 'precondition_required']],
    [
      'with another ETag',
      { 'content-type': FRAGMENT, 'if-match': '"x"', body: 'a=x\r\n' },
      [412, 'precondition_failed'],
    ],
    ['of another type', { 'content-type': SDP, 'if-match': '*', body: 'a=x\r\n' }, [415, 'unsupported_media']],
    ['that is no fragment', { 'content-type': FRAGMENT, 'if-match': '*', body: 'hello' }, [400, 'bad_request']],
  ])('refuses a PATCH %s', async (_, headers, refused) => {
    const { path } = await session('patched')
    expect(await codeOf(await call(path, 'PATCH', headers as Record<string, string>))).toEqual(refused)
    await call(path, 'DELETE')
  })
})

describe('other methods', () => {
  it.each([['/whip/x'], ['/whip/x/y']])(
    'at %s: GET and HEAD are answered with nothing, OPTIONS says what may be sent',
    async (path) => {
      for (const method of ['GET', 'HEAD']) {
        const answer = await call(path, method)
        expect([answer.status, await answer.text()]).toEqual([204, ''])
      }
      const origin = { origin: 'https://other.example', 'access-control-request-method': 'POST' }
      const options = await call(path, 'OPTIONS', origin)
      expect([options.status, options.headers.get('accept-post')]).toEqual([204, SDP])
      expect(options.headers.get('access-control-allow-headers')).toBe('Authorization, Content-Type, If-Match')
      expect(options.headers.get('access-control-allow-methods')).toContain('PATCH')
      expect(await codeOf(await call(path, 'PUT'))).toEqual([405, 'method_not_allowed'])
    },
  )
})

it('nothing is sent to addresses that an offer, or a candidate, names', async () => {
  const victim = createSocket('udp4').bind(0, '127.0.0.1')
  await once(victim, 'listening')
  let hits = 0
  victim.on('message', () => hits++)
  const candidate = `a=candidate:1 1 udp 2122260223 127.0.0.1 ${victim.address().port} typ host`
  const answer = await post('hostile', { body: offer(candidate) })
  const [path, etag] = [answer.headers.get('location') ?? '', answer.headers.get('etag') ?? '']
  const fragment = {
    'content-type': FRAGMENT,
    'if-match': etag,
    body: `m=audio 9 RTP/AVP 0\r\na=mid:0\r\n${candidate}\r\n`,
  }
  expect((await call(path, 'PATCH', fragment)).status).toBe(204)
  // Had it been used, it would have been asked at once, and again and again.
  await gateway.logged({ stream: 'hostile', msg: 'the publisher over WebRTC could not be received' })
  expect(hits).toBe(0)
  victim.close()
})

it('where WebRTC is switched off, that is said', async () => {
  const other = await startGateway(['--rtmp', 'embedded'])
  const answer = await fetch(`${other.url}/whip/x`, { method: 'POST', headers: { 'content-type': SDP }, body: offer() })
  expect(await codeOf(answer)).toEqual([503, 'unavailable'])
  await other.stop()
})

it('a port that is taken is told where somebody asked for it', async () => {
  const args = ['--rtmp', 'embedded', '--webrtc-port']
  const port = `${await freePort()}`
  const first = await startGateway([...args, port])
  await expect(startGateway([...args, port])).rejects.toThrow(/Choose another with --webrtc-port/)
  await first.stop()
})
