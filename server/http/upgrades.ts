import { type IncomingMessage, type Server, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { GatewayError } from '../../shared/errors.ts'
import { rawResponse } from './errors.ts'

/** How long the rest of an app may take to do something with an upgrade, in ms, before it is answered: it may look at a session first. */
const PATIENCE_MS = 3_000

/** A request to upgrade that is on its way through the app. */
export interface Upgrade {
  socket: Duplex
  head: Buffer
}

/** Which requests to upgrade are for an app: their path, with the query. */
type Claim = (path: string) => boolean

/** An upgrade that waits for a route. */
interface Waiting extends Upgrade {
  response: ServerResponse<IncomingMessage>
  /** It is the route's. */
  onTaken(): void
}

const waiting = new WeakMap<IncomingMessage, Waiting>()
const doors = new WeakMap<Server, UpgradeDoor>()

/**
 * Sends requests to upgrade whose path is claimed through the router of `app`, as if they were plain ones: its hooks, and those of the app that it
 * is a part of, stand before them. The route takes the socket with {@link takeUpgrade}. What nobody takes is answered with 404.
 */
export function routeUpgrades(app: FastifyInstance, claim: Claim): void {
  let door = doors.get(app.server)
  if (!door) {
    door = new UpgradeDoor(app.server)
    doors.set(app.server, door)
  }
  const leave = door.add({ claim, route: (request, response) => app.routing(request, response) })
  app.addHook('preClose', async () => leave())
}

/** The socket of a request to upgrade, which is the route's from now on; null for a plain request. */
export function takeUpgrade(request: FastifyRequest, reply: FastifyReply): Upgrade | null {
  const upgrade = waiting.get(request.raw)
  if (!upgrade) return null
  waiting.delete(request.raw)
  upgrade.onTaken()
  reply.hijack()
  upgrade.response.detachSocket(upgrade.socket as never)
  return { socket: upgrade.socket, head: upgrade.head }
}

interface Entry {
  claim: Claim
  route(request: IncomingMessage, response: ServerResponse<IncomingMessage>): void
}

/** The one who looks at all upgrades of a server first, and answers what is left over. */
class UpgradeDoor {
  readonly #server: Server
  readonly #entries = new Set<Entry>()
  /** Sockets that nobody has taken or answered yet, with how much was written to them before: they end with the app. */
  readonly #open = new Map<Duplex, number>()

  constructor(server: Server) {
    this.#server = server
    // Other listeners must not see what is ours: `ws` with a path, and @fastify/websocket, answer whatever they see.
    const emit = server.emit.bind(server) as (event: string, ...args: unknown[]) => boolean
    const first = (event: string, ...args: unknown[]): boolean => {
      if (event !== 'upgrade') return emit(event, ...args)
      const [request, socket, head] = args as [IncomingMessage, Duplex, Buffer]
      if (this.#take(request, socket, head)) return true
      const before = traceOf(socket)
      const hasListeners = emit(event, ...args)
      this.#answerLeftOver(socket, before)
      return hasListeners
    }
    server.emit = first as typeof server.emit
    // Without a listener Node takes an upgrade for a plain request.
    server.on('upgrade', () => {})
  }

  /** Adds an app; returns a function that removes it, and ends what waits. */
  add(entry: Entry): () => void {
    this.#entries.add(entry)
    return () => {
      this.#entries.delete(entry)
      for (const socket of this.#open.keys()) if (this.#isUnanswered(socket)) socket.destroy()
    }
  }

  #take(request: IncomingMessage, socket: Duplex, head: Buffer): boolean {
    const path = request.url ?? ''
    const entry = [...this.#entries].find(({ claim }) => claim(path))
    if (!entry) return false
    // Node leaves an upgraded socket to whoever takes it, with its errors and its end.
    socket.on('error', () => socket.destroy())
    const response = new ServerResponse(request)
    response.shouldKeepAlive = false
    try {
      response.assignSocket(socket as never)
    } catch {
      // An answer to a request before it is still being written.
      refuseUpgrade(socket, new GatewayError('bad_request', 'Wait for one response before you open a WebSocket.'))
      return true
    }
    this.#hold(socket)
    response.once('finish', () => socket.end(() => socket.destroy()))
    waiting.set(request, { socket, head, response, onTaken: () => this.#open.delete(socket) })
    entry.route(request, response)
    return true
  }

  /** Answers an upgrade that the app's own listeners have seen; `before`: how its socket was before that. */
  #answerLeftOver(socket: Duplex, before: SocketTrace): void {
    const { written, listeners } = traceOf(socket)
    // Someone has answered.
    if (written !== before.written || socket.destroyed) return
    const refuseIt = () =>
      refuseUpgrade(socket, new GatewayError('not_found', 'There is no WebSocket at this address.'))
    if (this.#server.listenerCount('upgrade') === 1) return refuseIt()
    this.#hold(socket)
    // Who listens to its errors wants it, and answers in time of its own.
    if (listeners > before.listeners) return
    socket.on('error', () => socket.destroy())
    const timer = setTimeout(() => {
      const isWanted = traceOf(socket).listeners > listeners + 1
      if (!isWanted && this.#isUnanswered(socket)) refuseIt()
    }, PATIENCE_MS)
    timer.unref()
    socket.once('close', () => clearTimeout(timer))
  }

  /** Ends a socket with the app, unless someone has answered by then. */
  #hold(socket: Duplex): void {
    this.#open.set(socket, traceOf(socket).written)
    socket.once('close', () => this.#open.delete(socket))
  }

  #isUnanswered(socket: Duplex): boolean {
    return this.#open.get(socket) === traceOf(socket).written
  }
}

/** Answers an upgrade with an error, and closes its socket. */
export function refuseUpgrade(socket: Duplex, error: GatewayError): void {
  socket.on('error', () => socket.destroy())
  socket.end(rawResponse(error), () => socket.destroy())
}

/** What shows that someone has done something with a socket. */
interface SocketTrace {
  /** Bytes that were written to it. */
  written: number
  /** Who listens to its errors. */
  listeners: number
}

function traceOf(socket: Duplex): SocketTrace {
  const written = 'bytesWritten' in socket && typeof socket.bytesWritten === 'number' ? socket.bytesWritten : 0
  return { written, listeners: socket.listenerCount('error') }
}
