import { createHash, X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import http2 from 'node:http2'
import { request } from 'node:https'
import { connect } from 'node:tls'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { StreamStatus } from '../shared/status.ts'
import { type Certificate, makeCertificate, writeCertificate } from './support/certificate.ts'
import { startGateway, type TestGateway } from './support/gateway.ts'
import { ffmpeg } from './support/media.ts'
import { type DocumentedNginx, startDocumentedNginx } from './support/nginx.ts'
import { publish, readRecording, TestSocket } from './support/publisher.ts'
import { freePort, temporaryDirectory } from './support/resources.ts'
import { GUARDED, publishToken } from './support/tokens.ts'
import { NOT_KEPT, until } from './support/wait.ts'

/** An answer over https from a server with a certificate of a test's own. */
function get(url: string, { cert }: Certificate, headers: Record<string, string> = {}) {
  return new Promise<{ status: number; headers: Record<string, unknown>; body: string }>((resolve, reject) => {
    const sent = request(url, { ca: cert, headers, agent: false }, (response) => {
      let body = ''
      response.setEncoding('latin1').on('data', (text) => {
        body += text
      })
      response.once('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }))
    })
    sent.once('error', reject).end()
  })
}

/** Broadcasts a recording over wss, and plays it meanwhile from `base` over HLS and HTTP-FLV. */
async function broadcastsAndPlays(base: string, certificate: Certificate, name: string): Promise<void> {
  const recording = await readRecording('chrome-h264.webm')
  let links = ''
  const published = publish(`${base.replace('http', 'ws')}/ingest/${name}`, recording, {
    token: await publishToken(name),
    ca: certificate.cert,
    onWelcome: ({ watch }) => {
      links = watch
    },
  })
  const stream = () => get(`${base}/api/streams/${name}`, certificate)
  await until('it is live', async () => (await stream()).body.includes('"state":"live"'))
  expect(links).toBe(`${base}/watch/${name}`)
  const flags = ['-v', 'error', '-tls_verify', '0']
  const { code, stderr } = await ffmpeg([...flags, '-i', `${base}/live/${name}.flv`, '-t', '2', '-f', 'null', '-'])
  expect([code, stderr]).toEqual([0, ''])
  const playlist = await until('there is HLS', async () => {
    const answer = await get(`${base}/hls/${name}.m3u8`, certificate)
    return answer.status === 200 ? answer.body : null
  })
  expect(playlist).toContain('#EXTM3U')
  const socket = await new TestSocket(`${base.replace('http', 'ws')}/live/${name}.flv`, [], {
    ca: certificate.cert,
  }).opened()
  await socket.next()
  socket.cut()
  await published
}

describe('a gateway with a certificate', () => {
  let directory: Awaited<ReturnType<typeof temporaryDirectory>>
  let gateway: TestGateway
  let certificate: Certificate
  const url = () => gateway.url.replace('http:', 'https:')
  beforeAll(async () => {
    directory = await temporaryDirectory()
    certificate = await makeCertificate()
    await writeCertificate(directory.path, certificate)
    const files = ['--tls-cert', `${directory.path}/cert.pem`, '--tls-key', `${directory.path}/key.pem`]
    gateway = await startGateway(['--rtmp', 'embedded', ...files], GUARDED)
  })
  afterAll(async () => {
    await gateway.stop()
    await directory.remove()
  })

  it('takes broadcasts and serves viewers, all over TLS, and its links say so', async () => {
    expect((await get(`${url()}/healthz`, certificate)).status).toBe(200)
    await broadcastsAndPlays(url(), certificate, 'over-tls')
  })

  it('serves many at once over one connection of HTTP/2, as the players of one page are', async () => {
    const name = 'multiplexed'
    const recording = await readRecording('chrome-h264.webm')
    const trusted = { token: await publishToken(name), ca: certificate.cert }
    const published = publish(`${url().replace('http', 'ws')}/ingest/${name}`, recording, trusted)
    const status = async () => {
      const { body, status } = await get(`${url()}/api/streams/${name}`, certificate)
      return status === 200 ? (JSON.parse(body) as StreamStatus) : null
    }
    await until('it is live', async () => (await status())?.state === 'live')
    const session = http2.connect(url(), { ca: certificate.cert })
    const ask = (path: string) => session.request({ ':path': path })
    const flv = Array.from({ length: 12 }, () => ask(`/live/${name}.flv`))
    const playing = await Promise.all(
      flv.map(async (stream) => {
        const [headers] = (await once(stream, 'response')) as [http2.IncomingHttpHeaders & { ':status': number }]
        const [bytes] = (await once(stream, 'data')) as [Buffer]
        return [headers[':status'], headers['content-type'], bytes.toString('latin1', 0, 3)]
      }),
    )
    expect(playing).toEqual(flv.map(() => [200, 'video/x-flv', 'FLV']))
    expect(session.alpnProtocol).toBe('h2')
    expect((await status())?.viewers.flv).toBe(12)
    const playlist = await until('there is HLS', async () => {
      const text = await text2(ask(`/hls/${name}/ll.m3u8`))
      return text.startsWith('#EXTM3U') ? text : null
    })
    const part = /EXT-X-PART:.*URI="([^?"]+)/.exec(playlist)?.[1] ?? ''
    expect((await text2(ask(`/hls/${name}/${part}`))).slice(4, 8)).toBe('moof')
    flv.pop()?.close(http2.constants.NGHTTP2_CANCEL)
    flv
      .pop()
      ?.on('error', () => {})
      .close(http2.constants.NGHTTP2_INTERNAL_ERROR)
    await until('two have gone', async () => (await status())?.viewers.flv === 10)
    const ends = flv.map((stream) => once(stream.resume(), 'end'))
    await published
    await Promise.all(ends)
    session.close()
  })

  /** The fingerprint of the certificate that a new connection gets. */
  const shown = () =>
    new Promise<string>((resolve, reject) => {
      const socket = connect({ port: gateway.port, host: '127.0.0.1', rejectUnauthorized: false }, () => {
        resolve(socket.getPeerCertificate().fingerprint256)
        socket.destroy()
      })
      socket.once('error', reject)
    })

  it('takes a new certificate as soon as its files change, and keeps the old one where the new one is of no use', async () => {
    const before = await shown()
    await writeFile(`${directory.path}/cert.pem`, 'nothing')
    await gateway.logged({ msg: 'the changed certificate is not used' })
    expect(await shown()).toBe(before)
    const renewed = await makeCertificate()
    await writeCertificate(directory.path, renewed)
    await until('it is used', async () => (await shown()) === new X509Certificate(renewed.cert).fingerprint256)
  })
})

/** The whole answer of a stream of HTTP/2. */
async function text2(stream: http2.ClientHttp2Stream): Promise<string> {
  const pieces: Buffer[] = []
  for await (const bytes of stream) pieces.push(bytes as Buffer)
  return Buffer.concat(pieces).toString('latin1')
}

describe('docs/nginx-https.conf', () => {
  let gateway: TestGateway
  let nginx: DocumentedNginx
  let certificate: Certificate
  let base = ''
  let plainPort = 0
  beforeAll(async () => {
    gateway = await startGateway(['--rtmp', 'nginx', '--limits-per-address', 'calls=150'], GUARDED)
    certificate = await makeCertificate()
    const [httpPort, httpsPort] = [await freePort(), await freePort()]
    plainPort = httpPort
    base = `https://localhost:${httpsPort}`
    nginx = await startDocumentedNginx(
      'nginx-https.conf',
      (directory) => ({
        'listen 80;': `listen 127.0.0.1:${httpPort};`,
        'listen 443 ssl;': `listen 127.0.0.1:${httpsPort} ssl;`,
        'http://127.0.0.1:8080': gateway.url,
        'live.example.org;': 'localhost;',
        '/etc/letsencrypt/live/live.example.org/fullchain.pem': `${directory}/cert.pem`,
        '/etc/letsencrypt/live/live.example.org/privkey.pem': `${directory}/key.pem`,
        '/var/log/nginx/castgate.log': `${directory}/access.log`,
        '/var/www/html': directory,
      }),
      async (directory) => {
        await writeCertificate(directory, certificate)
        await mkdir(`${directory}/.well-known/acme-challenge`, { recursive: true })
        await writeFile(`${directory}/.well-known/acme-challenge/a-token`, 'the name is ours')
      },
    )
    await until('nginx answers', () =>
      get(`${base}/healthz`, certificate).then(
        ({ status }) => status === 200,
        () => false,
      ),
    )
  })
  afterAll(async () => {
    await nginx.close()
    await gateway.stop()
  })

  it('puts pages, WebSockets, HLS and HTTP-FLV at one https origin', async () => {
    const { headers, body } = await get(`${base}/`, certificate)
    expect(body).toContain('castgate-studio')
    expect(headers['strict-transport-security']).toContain('max-age=')
    const plain = await fetch(`http://127.0.0.1:${plainPort}/watch/x`, { redirect: 'manual' })
    expect([plain.status, plain.headers.get('location')]).toEqual([301, 'https://127.0.0.1/watch/x'])
    await broadcastsAndPlays(base, certificate, 'proxied')
  })

  it('lets certbot renew the certificate', async () => {
    const answer = await fetch(`http://127.0.0.1:${plainPort}/.well-known/acme-challenge/a-token`, NOT_KEPT)
    expect(await answer.text()).toBe('the name is ours')
  })

  it('writes no token into its log', async () => {
    const token = await publishToken('x')
    await get(`${base}/api/streams/x?token=${token}`, certificate)
    const log = await until('it was logged', async () => {
      const text = await nginx.read('access.log')
      return text.includes('/api/streams/x') ? text : null
    })
    expect(log).not.toContain(token.slice(0, 20))
  })

  it('tells the gateway who asks, whatever they say of themselves', async () => {
    const call = (spoofed: string) => get(`${base}/api/streams`, certificate, { 'x-forwarded-for': spoofed })
    const statuses: number[] = []
    for (let index = 0; index < 160; index++) statuses.push((await call(`192.0.2.${index}`)).status)
    expect(statuses.at(-1)).toBe(429)
  })

  it.each([
    [
      'a length and chunks',
      'Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: x\r\n\r\n',
    ],
    ['two lengths', 'Content-Length: 0\r\nContent-Length: 40\r\n\r\nGET /healthz HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['a strange encoding', 'Transfer-Encoding: x\r\n\r\nGET /healthz HTTP/1.1\r\nHost: x\r\n\r\n'],
  ])('does not let a second request in behind a first one: %s', async (_, rest) => {
    const answer = await raw(`POST /api/tokens HTTP/1.1\r\nHost: localhost\r\n${rest}`)
    expect(answer.split('HTTP/1.1 ').length - 1).toBe(1)
    expect(answer).toMatch(/^HTTP\/1\.1 (4|5)\d\d /)
  })

  /** Sends bytes as they are, over TLS, and gives all that comes back. */
  function raw(text: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const { port, hostname } = new URL(base)
      const socket = connect(
        { port: Number(port), host: '127.0.0.1', servername: hostname, ca: certificate.cert },
        () => socket.end(text),
      )
      let answer = ''
      socket.setEncoding('latin1').on('data', (data) => {
        answer += data
      })
      socket.once('error', reject)
      socket.once('close', () => resolve(answer))
    })
  }
})

describe('castgate serve --lan', () => {
  it('makes a certificate, and prints a link for a phone with a token that works', async () => {
    const gateway = await startGateway(['--rtmp', 'embedded', '--lan'])
    try {
      const printed = await until('it prints the link', () => {
        const { stderr } = gateway.program.output()
        return stderr.includes('fingerprint') ? stderr : null
      })
      const [, token = ''] = /https:\/\/[\d.]+:\d+\/#token=(\S+)/.exec(printed) ?? []
      expect(printed).toMatch(/[▀▄█]{10}/)
      expect(JSON.stringify(gateway.log())).not.toContain(token.slice(0, 20))
      const [shown = ''] = /\b[0-9a-f]{64}\b/.exec(printed) ?? []
      const presented = await new Promise<Buffer>((resolve, reject) => {
        const socket = connect({ port: gateway.port, host: '127.0.0.1', rejectUnauthorized: false }, () => {
          resolve(socket.getPeerCertificate().raw)
          socket.destroy()
        })
        socket.once('error', reject)
      })
      expect(createHash('sha256').update(presented).digest('hex')).toBe(shown)
      const url = `wss://127.0.0.1:${gateway.port}/ingest/phone`
      for (const [given, code] of [
        [token, null],
        ['', 4401],
      ] as const) {
        const socket = await new TestSocket(url, undefined, { rejectUnauthorized: false }).opened()
        socket.send({ type: 'hello', session: null, token: given })
        if (code === null) {
          await socket.message('welcome')
          socket.send({ type: 'end' })
        }
        expect((await socket.closed).code).toBe(code ?? 1000)
      }
    } finally {
      await gateway.stop()
    }
  })
})
