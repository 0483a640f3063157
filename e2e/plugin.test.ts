import { connect } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import fastifyWebsocket from '@fastify/websocket'
import Fastify, { type FastifyInstance } from 'fastify'
import { afterEach, describe, expect, it } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { encodeChunk } from '../shared/chunk.ts'
import { library, ownOptions, upgradeAnswer } from './support/in-process.ts'
import { MIME_TYPES, readRecording, TestSocket } from './support/publisher.ts'
import { publishToken, SECRET } from './support/tokens.ts'
import { until } from './support/wait.ts'

const ending: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const end of ending.splice(0).toReversed()) await end()
})

/** Registers the plugin in `app`, below `prefix`. */
async function register(app: FastifyInstance, prefix: string, given: object = { secret: SECRET }): Promise<void> {
  const { castgate } = await library()
  const { options, remove } = await ownOptions()
  ending.push(remove)
  await app.register(castgate, { prefix, ...options, ...given })
}

async function listen(app: FastifyInstance): Promise<number> {
  await app.listen({ port: 0, host: '127.0.0.1' })
  ending.push(() => app.close())
  return (app.server.address() as { port: number }).port
}

/** What a socket of a publisher says to a hello. */
async function hello(port: number, path: string, token: string | null): Promise<string> {
  const socket = await new TestSocket(`ws://127.0.0.1:${port}${path}`).opened()
  socket.send({ type: 'hello', session: null, ...(token !== null && { token }) })
  await socket.next()
  const [first] = socket.messages
  socket.cut()
  return first?.type === 'error' ? first.code : (first?.type ?? 'nothing')
}

/** Whether a WebSocket of the app's own says back what it is told. */
async function echoes(port: number, path: string): Promise<string> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`)
  const said = await new Promise<string>((resolve, reject) => {
    socket.on('error', reject)
    socket.on('open', () => socket.send('hello'))
    socket.on('message', (data) => resolve(String(data)))
  })
  socket.terminate()
  return said
}

const echo = (socket: WebSocket) => socket.on('message', (data) => socket.send(String(data)))

/** Publishes to the gateway at `path` until it is told to stop. */
async function publishing(port: number, path: string, stream: string): Promise<void> {
  const recording = await readRecording('chrome-h264.webm')
  const socket = await new TestSocket(`ws://127.0.0.1:${port}${path}/ingest/${stream}`).opened()
  socket.send({ type: 'hello', session: null, token: await publishToken(stream) })
  await socket.message('welcome')
  socket.send({ type: 'epoch', epoch: 0, at: 0, mimeType: MIME_TYPES['chrome-h264.webm'] })
  for (const [sequence, blob] of recording.blobs.entries()) {
    socket.send(encodeChunk({ epoch: 0, sequence, payload: blob.bytes }))
  }
  ending.push(async () => socket.cut())
  await until('it is live', () =>
    socket.messages.some((message) => message.type === 'status' && message.state === 'live'),
  )
}

describe('an app with the plugin', () => {
  it('answers an upgrade that nobody takes, with one gateway or with two, and closes at once', async () => {
    const app = Fastify()
    await register(app, '/one')
    await register(app, '/two')
    const port = await listen(app)
    for (const path of ['/nothing', '/', '/one/nothing', '/onelive/x', '/one/ingest', '/two/api/streams']) {
      expect([path, await upgradeAnswer(port, path)]).toEqual([path, expect.stringMatching(/^HTTP\/1\.1 404 /)])
    }
    for (const prefix of ['/one', '/two']) {
      expect(await hello(port, `${prefix}/ingest/cam`, await publishToken('cam'))).toBe('welcome')
      expect(await hello(port, `${prefix}/ingest/cam`, null)).toBe('unauthorized')
      expect(await upgradeAnswer(port, `${prefix}/live/cam.flv`)).toMatch(/^HTTP\/1\.1 404 .*"not_found"/s)
    }
    expect(await (await fetch(`http://127.0.0.1:${port}/one/ingest/cam`)).json()).toMatchObject({
      error: { code: 'upgrade_required' },
    })
  })

  it('has its own WebSockets beside it: what neither takes is answered', async () => {
    const app = Fastify()
    const own = new WebSocketServer({ noServer: true })
    own.on('connection', echo)
    await register(app, '/live')
    app.server.on('upgrade', async (request, socket, head) => {
      if (request.url !== '/own') return
      // It looks at a session first.
      socket.on('error', () => socket.destroy())
      await delay(50)
      own.handleUpgrade(request, socket, head, (webSocket) => own.emit('connection', webSocket, request))
    })
    const port = await listen(app)
    expect(await echoes(port, '/own')).toBe('hello')
    expect(await upgradeAnswer(port, '/nothing')).toMatch(/^HTTP\/1\.1 404 /)
    expect(await hello(port, '/live/ingest/cam', await publishToken('cam'))).toBe('welcome')
    own.close()
  })

  it('has a WebSocket server with a path beside it, which answers whatever it sees', async () => {
    const app = Fastify()
    const own = new WebSocketServer({ server: app.server, path: '/own' })
    own.on('connection', echo)
    await register(app, '/live')
    const port = await listen(app)
    expect(await echoes(port, '/own')).toBe('hello')
    expect(await upgradeAnswer(port, '/nothing')).toMatch(/^HTTP\/1\.1 400 /)
    expect(await hello(port, '/live/ingest/cam', await publishToken('cam'))).toBe('welcome')
    own.close()
  })

  it.each(['before', 'behind'])('has @fastify/websocket %s it', async (place) => {
    const app = Fastify()
    if (place === 'before') await app.register(fastifyWebsocket)
    await register(app, '/live')
    if (place === 'behind') await app.register(fastifyWebsocket)
    await app.register(async (routes) => {
      routes.get('/own', { websocket: true }, (socket) => void echo(socket))
    })
    const port = await listen(app)
    expect(await echoes(port, '/own')).toBe('hello')
    expect(await upgradeAnswer(port, '/nothing')).toMatch(/^HTTP\/1\.1 404 /)
    expect(await hello(port, '/live/ingest/cam', await publishToken('cam'))).toBe('welcome')
  })

  it('has its onRequest hooks before WebSockets as before requests', async () => {
    const app = Fastify()
    const asked: string[] = []
    app.addHook('onRequest', async (request, reply) => {
      asked.push(request.url)
      if (request.headers['x-session'] !== 'good') return reply.code(401).send({ message: 'Log in first.' })
    })
    await register(app, '/live', { insecureOpen: true })
    const port = await listen(app)
    for (const path of ['/live/ingest/cam', '/live/live/cam.flv']) {
      expect(await upgradeAnswer(port, path)).toMatch(/^HTTP\/1\.1 401 .*Log in first\./s)
      expect((await fetch(`http://127.0.0.1:${port}${path}`)).status).toBe(401)
      const answer = await upgradeAnswer(port, path, { 'x-session': 'good', 'Sec-WebSocket-Protocol': 'castgate.v1' })
      expect(answer).toMatch(path.includes('ingest') ? /^HTTP\/1\.1 101 / : /^HTTP\/1\.1 404 /)
      expect(asked.splice(0)).toEqual([path, path, path])
    }
  })

  it('has its rate limit before WebSockets as before requests', async () => {
    const app = Fastify()
    let left = 3
    app.addHook('onRequest', async (_, reply) => {
      if (left-- <= 0) return reply.code(429).send({ message: 'Too many.' })
    })
    await register(app, '/live', { insecureOpen: true })
    const port = await listen(app)
    const answers = await Promise.all(Array.from({ length: 5 }, () => upgradeAnswer(port, '/live/ingest/cam')))
    expect(answers.map((answer) => answer.split(' ')[1]).sort()).toEqual(['101', '101', '101', '429', '429'])
  })

  it('closes while an upgrade waits for a hook, while nobody has answered one, and while a viewer reads nothing', async () => {
    const app = Fastify()
    let asked = () => {}
    const hookIsAsked = new Promise<void>((resolve) => {
      asked = resolve
    })
    app.addHook('onRequest', async (request) => {
      if (request.url !== '/live/ingest/slow') return
      asked()
      await new Promise(() => {})
    })
    await register(app, '/live')
    // It takes none, and is there: what is not ours is not answered at once.
    app.server.on('upgrade', (_, socket) => socket.on('error', () => {}))
    const port = await listen(app)
    await publishing(port, '/live', 'cam')
    const viewer = connect(port, '127.0.0.1')
    viewer.write('GET /live/live/cam.flv HTTP/1.1\r\nHost: x\r\n\r\n')
    await new Promise((resolve) => viewer.once('readable', resolve))
    const pending = [upgradeAnswer(port, '/live/ingest/slow'), upgradeAnswer(port, '/nothing')]
    await hookIsAsked
    ending.pop()
    await app.close()
    expect(await Promise.all(pending)).toEqual(['', ''])
    viewer.destroy()
  })
})

describe('a gateway with a server of its own', () => {
  it('answers an upgrade to an address that is none', async () => {
    const { createGateway } = await library()
    const { options, remove } = await ownOptions()
    ending.push(remove)
    const { options: other, remove: removeOther } = await ownOptions()
    await removeOther()
    const gateway = await createGateway({ ...options, port: other.rtmpPort, log: 'silent' })
    ending.push(() => gateway.close())
    expect(await upgradeAnswer(other.rtmpPort, '/nothing')).toMatch(/^HTTP\/1\.1 404 /)
    expect(await hello(other.rtmpPort, '/ingest/cam', null)).toBe('welcome')
  })

  it('takes no option that does not exist, and opens itself by none that is ignored', async () => {
    const { createGateway } = await library()
    for (const wrong of [
      { secretfile: '/x' },
      { orgins: [] },
      { secret: '' },
      { host: '0.0.0.0', insecureOpen: 'no' },
      { log: 'loud' },
      { log: 5 },
      { log: null },
    ]) {
      await expect(createGateway(wrong as object)).rejects.toMatchObject({ exitCode: expect.any(Number) })
    }
    const { castgate } = await library()
    await expect(Fastify().register(castgate, { port: 1, secret: SECRET } as object)).rejects.toThrow(
      'There is no option "port" here. The app listens.',
    )
  })
})
