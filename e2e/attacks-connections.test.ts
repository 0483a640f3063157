import { spawn } from 'node:child_process'
import { connect, type Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startGateway, startLoop, type TestGateway } from './support/gateway.ts'
import { freePort, temporaryDirectory } from './support/resources.ts'
import { GUARDED, publishToken } from './support/tokens.ts'
import { NOT_KEPT, until } from './support/wait.ts'

const JSON_BODY = 'Content-Type: application/json\r\n'

/** A connection that sends `text`, and then a byte now and then. Gives the status line of the answer, once it is closed. */
async function slow(port: number, text: string): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  let answer = ''
  socket.setEncoding('latin1').on('data', (more) => {
    answer += more
  })
  socket.on('error', () => {})
  socket.write(text)
  const drip = setInterval(() => socket.write('a'), 2_000)
  await new Promise((resolve) => socket.once('close', resolve))
  clearInterval(drip)
  return answer.split('\r\n')[0] ?? ''
}

describe('a request that does not end', () => {
  let gateway: TestGateway
  beforeAll(async () => {
    gateway = await startGateway(['--rtmp', 'embedded'], GUARDED)
  })
  afterAll(() => gateway.stop())

  it('is ended in time, whatever it waits for, and a broadcast beside it goes on', { timeout: 120_000 }, async () => {
    const tokens = { publish: await publishToken('beside'), play: '' }
    const beside = await startLoop(gateway, 'beside', undefined, tokens)
    const answers = await Promise.all(
      [
        `POST /api/streams/x/targets HTTP/1.1\r\nHost: a\r\n${JSON_BODY}Content-Length: 1000\r\n\r\n{`,
        `POST /api/streams/x/targets HTTP/1.1\r\nHost: a\r\n${JSON_BODY}Transfer-Encoding: chunked\r\n\r\n5\r\n{"a":\r\n`,
        'POST /nothing HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nx',
        `POST /api/tokens HTTP/1.1\r\nHost: a\r\n${JSON_BODY}Content-Length: 1000\r\n\r\n{`,
        `DELETE /api/streams/x/targets/y HTTP/1.1\r\nHost: a\r\n${JSON_BODY}Content-Length: 1000\r\n\r\n{`,
        'GET / HTTP/1.1\r\nHost: a\r\n',
        'GET /hea',
      ].map((text) => slow(gateway.port, text)),
    )
    // Who has no key is told so before the body is there.
    expect(answers.map((line) => line.split(' ')[1])).toEqual(['401', '401', '404', '401', '401', '408', '408'])
    expect((await gateway.stream('beside'))?.state).toBe('live')
    await beside.stop()
  })
})

describe('more connections than there may be', () => {
  /** Opens connections that say nothing, until one is closed by the server. Gives what that one was told. */
  async function exhaust(gateway: TestGateway, most: number): Promise<{ open: Socket[]; answer: string }> {
    const open: Socket[] = []
    for (let i = 0; i < most; i++) {
      const socket = connect(gateway.port, '127.0.0.1')
      let answer = ''
      socket.setEncoding('latin1').on('data', (more) => {
        answer += more
      })
      const refused = await new Promise<boolean>((resolve) => {
        socket.once('error', () => resolve(true)).once('close', () => resolve(true))
        // One that is taken is open a moment later still: the answer to another one comes behind it.
        socket.once('connect', () => setTimeout(() => resolve(socket.destroyed), 5))
      })
      if (refused) return { open, answer }
      open.push(socket)
    }
    throw new Error('All of them were taken.')
  }

  it('are refused in words, told to the operator, and what was there goes on', { timeout: 120_000 }, async () => {
    const gateway = await startGateway(['--rtmp', 'embedded', '--limits-in-all', 'connections=60'])
    const beside = await startLoop(gateway, 'beside')
    const { open, answer } = await exhaust(gateway, 100)
    expect(answer).toMatch(/^HTTP\/1\.1 429 Too Many Requests/)
    expect(answer).toMatch(/Too many connections are open/)
    await gateway.logged({ msg: 'connections are refused' })
    for (const socket of open) socket.destroy()
    await until('others are taken again', async () =>
      fetch(`${gateway.url}/api/streams/beside`, NOT_KEPT).then(
        async (answer) => answer.ok && ((await answer.json()) as { state: string }).state === 'live',
        () => false,
      ),
    )
    await beside.stop()
    await gateway.stop()
  })

  it('leave files for FFmpegs, and one that finds none ends nothing else', { timeout: 120_000 }, async () => {
    const port = await freePort()
    const [rtmpPort, hlsPort] = [await freePort(), await freePort()]
    // Few files: to load its modules, the gateway itself needs about two hundred at once.
    const args = [
      'serve',
      '--no-install',
      '--rtmp',
      'embedded',
      '--port',
      port,
      '--rtmp-port',
      rtmpPort,
      '--hls-port',
      hlsPort,
    ]
    const directory = await temporaryDirectory()
    const command = `ulimit -n 320; exec ${process.execPath} scripts/castgate.mjs ${args.join(' ')} --data-dir ${directory.path}`
    const child = spawn('sh', ['-c', command], { stdio: ['ignore', 'pipe', 'inherit'] })
    let log = ''
    child.stdout.setEncoding('utf8').on('data', (text) => {
      log += text
    })
    const ended = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)))
    await until('it is ready', () => log.includes('gateway is ready'))
    const gateway = { port, url: `http://127.0.0.1:${port}` } as TestGateway
    gateway.stream = async (name) => {
      const answer = await fetch(`${gateway.url}/api/streams/${name}`, NOT_KEPT).catch(() => null)
      return answer?.ok ? ((await answer.json()) as never) : null
    }
    const beside = await startLoop(gateway, 'beside')
    const { open } = await exhaust(gateway, 320)
    await until('it is said', () => log.includes('connections are refused'))
    // There is room for an FFmpeg, since connections do not take all files.
    const more = open.splice(0, 3)
    for (const socket of more) socket.destroy()
    await until('a picture is made', async () => {
      const answer = await fetch(`${gateway.url}/api/streams/beside/thumbnail.jpg`, NOT_KEPT).catch(() => null)
      return answer?.status === 200
    })
    for (const socket of open) socket.destroy()
    expect((await gateway.stream('beside'))?.state).toBe('live')
    await beside.stop()
    child.kill('SIGTERM')
    expect(await ended).toBe(0)
    await directory.remove()
  })
})

describe('a name that was made to point at this machine', () => {
  let gateway: TestGateway
  beforeAll(async () => {
    gateway = await startGateway(['--rtmp', 'embedded'])
  })
  afterAll(() => gateway.stop())

  const statusOf = async (path: string, host: string) => {
    const socket = connect(gateway.port, '127.0.0.1')
    let answer = ''
    socket.setEncoding('latin1').on('data', (more) => {
      answer += more
    })
    socket.write(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
    await new Promise((resolve) => socket.once('close', resolve))
    return Number(answer.split(' ')[1])
  }

  it('reads nothing of a gateway that asks for no token', async () => {
    const beside = await startLoop(gateway, 'beside')
    const paths = ['/metrics', '/api/streams', '/api/streams/beside', '/api/openapi.json', '/live/beside.flv']
    for (const path of paths) expect([path, await statusOf(path, 'evil.example')]).toEqual([path, 403])
    expect(await statusOf('/hls/beside/ll.m3u8', 'evil.example:8080')).toBe(403)
    for (const host of ['127.0.0.1', 'localhost:1', '[::1]:8080', 'my-machine']) {
      expect([host, await statusOf('/api/streams', host)]).toEqual([host, 200])
    }
    // Whoever looks after it may call it what they like, and is told no paths.
    expect(await statusOf('/healthz', 'evil.example')).toBe(200)
    await beside.stop()
  })
})

it('what a stranger is told of the health of a guarded gateway has no paths and no addresses', async () => {
  const gateway = await startGateway(['--rtmp', 'embedded'], GUARDED)
  const ask = async (headers: Record<string, string>) =>
    (await fetch(`${gateway.url}/healthz`, { headers: { ...NOT_KEPT.headers, ...headers } })).json()
  expect(await ask({})).toEqual({ status: 'ok' })
  const told = await ask({ authorization: `Bearer ${GUARDED.CASTGATE_ADMIN_KEY}` })
  expect(told).toMatchObject({ status: 'ok', ffmpeg: { path: expect.any(String) }, rtmp: { kind: 'embedded' } })
  await gateway.stop()
})
