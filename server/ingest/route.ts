import type { IncomingMessage } from 'node:http'
import type { FastifyInstance } from 'fastify'
import type { Logger } from 'pino'
import { type WebSocket, WebSocketServer } from 'ws'
import { GatewayError } from '../../shared/errors.ts'
import { CHUNK_BYTES, HELLO_TIMEOUT_MS, SUBPROTOCOL } from '../../shared/limits.ts'
import type { Hello } from '../../shared/messages.ts'
import type { PlaybackLinks, StreamStatus } from '../../shared/status.ts'
import { isStreamName, STREAM_NAME_RULE } from '../../shared/stream-name.ts'
import type { Access } from '../access/access.ts'
import type { Capacity } from '../access/capacity.ts'
import { bearerOf } from '../access/credentials.ts'
import type { Limits } from '../access/limits.ts'
import type { Origins } from '../access/origins.ts'
import { requireOwnPage } from '../access/own-page.ts'
import { addressOf } from '../access/request.ts'
import type { Broadcast } from '../broadcast/broadcast.ts'
import type { Directory } from '../broadcast/directory.ts'
import type { Ffmpegs } from '../ffmpeg/ffmpegs.ts'
import type { PictureSize } from '../ffmpeg/picture-size.ts'
import { errorBody } from '../http/errors.ts'
import { takeUpgrade } from '../http/upgrades.ts'
import type { Turns } from '../process/turns.ts'
import { claimCounted } from './claim.ts'
import { IngestConnection } from './connection.ts'
import { MediaMemory } from './media-memory.ts'
import { metered } from './metered.ts'
import { IngestSession, type SessionContext } from './session.ts'

/** Most bytes that are read of one frame: enough to say 4413 to what is a little too large; what is more ends with 1009 (RFC 6455, 7.4.1). */
const MAX_FRAME_BYTES = CHUNK_BYTES + 64 * 1024

/** How long a publisher may take to answer that its socket is closed. */
const CLOSE_PATIENCE_MS = 5_000

/** What a plain request is told. */
const NO_SOCKET = 'This address takes WebSockets alone.'

/** What the route needs of the gateway. */
export interface IngestOptions {
  directory: Directory
  access: Access
  limits: Limits
  origins: Origins
  /** Whether it listens on this machine alone. */
  isLocal: boolean
  ffmpegs: Ffmpegs
  capacity: Capacity
  turns: Turns
  /** Largest picture that is taken. */
  mostPicture: PictureSize
  resumeSeconds: number
  log: Logger
  onChunkTaken(seconds: number): void
  onFfmpegLost(): void
  playbackOf(name: string, request: IncomingMessage): PlaybackLinks
  statusOf(broadcast: Broadcast, playback: PlaybackLinks): StreamStatus
}

/** The ingest side of the gateway: takes WebSockets at `/ingest/NAME`, and holds the sessions. */
export class IngestRoute {
  readonly #options: IngestOptions
  readonly #sessions = new Map<string, IngestSession>()
  readonly #server: WebSocketServer
  readonly #memory = new MediaMemory()
  #closing = false

  constructor(options: IngestOptions) {
    this.#options = options
    // Its types do not know how long a closing socket is waited for.
    const patience: { closeTimeout: number } = { closeTimeout: CLOSE_PATIENCE_MS }
    this.#server = new WebSocketServer({
      ...patience,
      noServer: true,
      maxPayload: MAX_FRAME_BYTES,
      perMessageDeflate: false,
      // One message in a turn of the loop, so that no socket holds it up.
      allowSynchronousEvents: false,
      handleProtocols: (offered) => (offered.has(SUBPROTOCOL) ? SUBPROTOCOL : false),
    })
  }

  /** Adds `WS /ingest/NAME`. */
  register(app: FastifyInstance): void {
    app.get('/ingest/*', { exposeHeadRoute: false, schema: { hide: true } }, async (request, reply) => {
      // The name as the client wrote it: one that has to be decoded is none.
      const [, name] = /\/ingest\/([^/?]*)(?:\?|$)/.exec(request.raw.url ?? '') ?? []
      if (name === undefined) return reply.callNotFound()
      const upgrade = takeUpgrade(request, reply)
      if (!upgrade) return reply.code(426).header('upgrade', 'websocket').send(errorBody('upgrade_required', NO_SOCKET))
      this.#server.handleUpgrade(request.raw, upgrade.socket, upgrade.head, (webSocket) => {
        void this.#serve(name, request.raw, webSocket)
      })
    })
  }

  /** Whether `session` is the id of the session that publishes `broadcast`. */
  isPublisher(broadcast: Broadcast, session: string): boolean {
    return this.#sessions.get(session)?.broadcast === broadcast
  }

  /** Tells all publishers that the gateway ends, and ends their broadcasts. */
  async close(): Promise<void> {
    this.#closing = true
    const reason = shuttingDown()
    await Promise.all([...this.#sessions.values()].map((session) => session.shutDown(reason)))
    for (const client of this.#server.clients) client.terminate()
    this.#server.close()
  }

  async #serve(name: string, request: IncomingMessage, socket: WebSocket): Promise<void> {
    const connection = new IngestConnection(socket, request.socket, this.#memory)
    const { access, limits } = this.#options
    const address = addressOf(request)
    try {
      socket.once('close', limits.hold('sockets', address))
      requireOwnPage(request, this.#options)
      if (socket.protocol !== SUBPROTOCOL) {
        throw new GatewayError('bad_message', `Open the socket with the subprotocol "${SUBPROTOCOL}".`)
      }
      if (!isStreamName(name)) throw new GatewayError('bad_message', `A stream name has ${STREAM_NAME_RULE}.`)
      const hello = await firstHello(connection)
      if (hello === null) return
      if (this.#closing) throw shuttingDown()
      await limits.note('hellos', address)
      const grant = await access.publish(hello.token ?? bearerOf(request), name)
      // Nobody would know the session of one who has gone meanwhile.
      if (socket.readyState !== socket.OPEN) return
      const session = this.#sessionFor(name, hello, request)
      await session.serve(connection, grant, metered(connection.messages(), limits, address))
    } catch (error) {
      if (error instanceof GatewayError) return connection.fail(error)
      this.#options.log.error({ err: error, stream: name }, 'ingest failed')
      connection.fail(new GatewayError('internal', 'The server failed. Its operator sees the reason in the log.'))
    } finally {
      connection.release()
    }
  }

  #sessionFor(name: string, hello: Hello, request: IncomingMessage): IngestSession {
    if (hello.session !== null) {
      const session = this.#sessions.get(hello.session)
      if (session && session.broadcast.name === name) return session
      throw new GatewayError('no_session', 'The server does not know this session any more. Start a new one.')
    }
    const { directory, playbackOf, limits, ...rest } = this.#options
    const claim = { name, source: hello.source ?? 'recorder', address: addressOf(request) }
    const { broadcast, leave } = claimCounted(directory, limits, rest.capacity, claim)
    const context: SessionContext = {
      ...rest,
      playback: playbackOf(name, request),
      onClosed: (closed) => {
        this.#sessions.delete(closed.id)
        leave()
      },
    }
    const session = new IngestSession(broadcast, context)
    this.#sessions.set(session.id, session)
    return session
  }
}

function shuttingDown(): GatewayError {
  return new GatewayError('unavailable', 'The server is shutting down. The broadcast can go on when it is back.')
}

/** Null where it closes before. @throws GatewayError `hello_timeout`, or `bad_message` where something else comes first */
async function firstHello(connection: IngestConnection): Promise<Hello | null> {
  let timer: NodeJS.Timeout | undefined
  const timeout = new Promise<never>((_, reject) => {
    const error = new GatewayError('hello_timeout', `No hello came within ${HELLO_TIMEOUT_MS / 1000} s.`)
    timer = setTimeout(() => reject(error), HELLO_TIMEOUT_MS)
  })
  try {
    return await Promise.race([connection.hello(), timeout])
  } finally {
    clearTimeout(timer)
  }
}
