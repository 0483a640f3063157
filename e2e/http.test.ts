import { mkdir, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startGateway, type TestGateway } from './support/gateway.ts'
import { ffmpeg } from './support/media.ts'
import { ingestUrl, publish, readRecording } from './support/publisher.ts'
import { until } from './support/wait.ts'

let gateway: TestGateway
beforeAll(async () => {
  gateway = await startGateway(['--rtmp', 'nginx'])
})
afterAll(() => gateway.stop())

/** Sends bytes as they are, which `fetch` would not, and gives the answer. */
function raw(request: string): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const socket = connect(gateway.port, '127.0.0.1', () => socket.write(request))
    let answer = ''
    socket.setEncoding('utf8').on('data', (text) => {
      answer += text
    })
    socket.once('error', reject)
    socket.once('close', () => {
      const [head = '', body = ''] = answer.split('\r\n\r\n')
      resolve({ status: Number(/^HTTP\/1\.1 (\d+)/.exec(head)?.[1]), body })
    })
  })
}

const get = (path: string) => raw(`GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)

describe('what is not there', () => {
  it.each([
    '/nowhere',
    '/api/streams/nobody',
    '/hls/nobody.m3u8',
    '/hls/nobody-1.ts',
    '/live/nobody.flv',
    '/watch/bad.name',
    '/assets/none.js',
  ])('is a 404 with words in JSON: %s', async (path) => {
    const answer = await fetch(`${gateway.url}${path}`)
    expect(answer.status).toBe(404)
    expect(await answer.json()).toEqual({ error: { code: 'not_found', message: expect.stringMatching(/\.$/) } })
  })

  it('lists no streams', async () => {
    expect(await (await fetch(`${gateway.url}/api/streams`)).json()).toEqual({ streams: [] })
  })
})

describe('paths that lead elsewhere', () => {
  it.each([
    '/hls/../nginx/nginx.conf',
    '/hls/..%2fnginx%2fnginx.conf',
    '/hls/%2e%2e/nginx/nginx.conf',
    '/hls/....//nginx.conf',
    '/hls//etc/passwd',
    '/assets/../../server/cli/main.js',
    '/assets/..%2f..%2fserver%2fmain.js',
    '/assets/%2e%2e/%2e%2e/package.json',
    '/watch/..%2f..%2fpackage.json',
    '/live/..%2fsecret.flv',
    '/hls/secret.txt',
    '/hls/%00.m3u8',
    '/%',
  ])('serve nothing: %s', async (path) => {
    await mkdir(`${gateway.dataDir}/hls`, { recursive: true })
    await writeFile(`${gateway.dataDir}/hls/secret.txt`, 'secret')
    const { status, body } = await get(path)
    expect(status).toBeGreaterThanOrEqual(400)
    expect(status).toBeLessThan(500)
    expect(JSON.parse(body)).toEqual({ error: { code: expect.any(String), message: expect.any(String) } })
  })
})

describe('requests that are too much', () => {
  it.each([
    ['a header of 64 kB', `GET / HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(65_536)}\r\n\r\n`],
    ['a URL of 64 kB', `GET /${'x'.repeat(65_536)} HTTP/1.1\r\nHost: x\r\n\r\n`],
    ['a name of 8 kB', `GET /api/streams/${'x'.repeat(8192)} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`],
    ['bytes that are not HTTP', 'hello\r\n\r\n'],
  ])('get a 4xx in JSON: %s', async (_, request) => {
    const { status, body } = await raw(request)
    expect(status).toBeGreaterThanOrEqual(400)
    expect(status).toBeLessThan(500)
    expect(JSON.parse(body)).toEqual({ error: { code: expect.any(String), message: expect.any(String) } })
  })
})

describe('the pages', () => {
  it.each(['/', '/watch/some-stream'])(
    'come with a policy for their content that allows nothing inline: %s',
    async (path) => {
      const answer = await fetch(`${gateway.url}${path}`)
      expect(answer.status).toBe(200)
      expect(answer.headers.get('content-type')).toContain('text/html')
      expect(answer.headers.get('content-security-policy')).toContain("script-src 'self'")
      expect(answer.headers.get('content-security-policy')).not.toContain('unsafe')
      expect(answer.headers.get('x-content-type-options')).toBe('nosniff')
    },
  )
})

describe('a live stream', () => {
  it('is served as HLS by the gateway and by nginx, for any site, with headers that fit live media; and as HTTP-FLV', async () => {
    const recording = await readRecording('chrome-h264.webm')
    const published = publish(ingestUrl(gateway, 'live-one'), recording)
    const playlist = await until('the playlist is there', async () => {
      const answer = await fetch(`${gateway.url}/hls/live-one.m3u8`)
      return answer.ok ? answer : null
    })
    const text = await playlist.text()
    expect(playlist.headers.get('content-type')).toBe('application/vnd.apple.mpegurl')
    expect(playlist.headers.get('access-control-allow-origin')).toBe('*')
    expect(playlist.headers.get('cache-control')).toBe('no-cache')
    expect(text).not.toContain('ENDLIST')
    const segment = text.split('\n').find((line) => line.endsWith('.ts')) ?? ''
    for (const base of [gateway.url, `http://127.0.0.1:${gateway.hlsPort}`]) {
      const answer = await fetch(`${base}/hls/${segment}`)
      expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'video/mp2t'])
      expect(answer.headers.get('access-control-allow-origin')).toBe('*')
      expect(answer.headers.get('cache-control')).toContain('max-age')
      await answer.arrayBuffer()
      const list = await fetch(`${base}/hls/live-one.m3u8`)
      expect([list.status, list.headers.get('access-control-allow-origin'), list.headers.get('cache-control')]).toEqual(
        [200, '*', 'no-cache'],
      )
      await list.text()
    }
    const { code, stderr } = await ffmpeg([
      '-v',
      'error',
      '-i',
      `${gateway.url}/live/live-one.flv`,
      '-t',
      '3',
      '-f',
      'null',
      '-',
    ])
    expect([code, stderr]).toEqual([0, ''])
    const stat = await (await fetch(`http://127.0.0.1:${gateway.hlsPort}/stat`)).text()
    expect(stat).toContain('<name>live-one</name>')
    await published
    expect(await (await fetch(`${gateway.url}/hls/live-one.m3u8`)).text()).toContain('#EXT-X-ENDLIST')
  })

  it('leaves no trace of the secrets between the gateway and its RTMP server in the log or the API', async () => {
    await gateway.logged({ stream: 'live-one', msg: 'broadcast ended' })
    const secrets = [...gateway.program.output().stdout.matchAll(/publisher=/g)]
    expect(secrets).toEqual([])
    expect(
      gateway
        .log()
        .filter((line) => line.stream === 'live-one')
        .map((line) => line.msg),
    ).toEqual([
      'broadcast began',
      'epoch began',
      'broadcast is live',
      'target is live',
      'target closed',
      'broadcast ended',
    ])
  })
})
