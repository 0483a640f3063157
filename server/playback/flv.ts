import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import { WebSocketServer } from 'ws'
import { GatewayError } from '../../shared/errors.ts'
import type { Grant } from '../access/access.ts'
import type { Viewing } from '../access/viewing.ts'
import type { Broadcast } from '../broadcast/broadcast.ts'
import type { Directory } from '../broadcast/directory.ts'
import type { Layout } from '../broadcast/listener.ts'
import type { BusTag } from '../flv/gop-cache.ts'
import { encodeFileHeader } from '../flv/tag.ts'
import { errorBody, notFound } from '../http/errors.ts'
import { takeConnection } from '../http/http2.ts'
import { onlyRead } from '../http/read-only.ts'
import { refuseUpgrade, takeUpgrade, type Upgrade } from '../http/upgrades.ts'
import { atMost } from '../process/at-most.ts'
import { type Batch, messageHeader } from './batch.ts'
import type { FanOuts } from './fan-outs.ts'

const NOT_LIVE = 'Nobody is broadcasting under this name now.'

/** Viewers have nothing to say: more than a few bytes from one ends the connection. */
const MAX_MESSAGE_BYTES = 1024

/** How long a viewer may take to read the rest after the end. */
const END_MS = 30_000

/** How long a viewer's WebSocket may take to close. */
const CLOSE_MS = 1_000

/**
 * What a response begins with. It has no length and is not chunked: it ends with the connection, so that its bytes are the same for
 * all viewers.
 */
const HEADERS = {
  'content-type': 'video/x-flv',
  'cache-control': 'no-store',
  'x-accel-buffering': 'no',
  'x-content-type-options': 'nosniff',
}
const CLOSES = '\r\nconnection: close'

/** `GET /live/NAME.flv`, over HTTP and over WebSocket: the bus as FLV, from the last keyframe on, for as long as it lasts. */
export class FlvRoute {
  readonly #directory: Directory
  readonly #viewing: Viewing
  /** The connections of viewers, and when they are closed. */
  readonly #open = new Map<Duplex, Promise<void>>()
  readonly #fanOuts: FanOuts
  readonly #sockets = new WebSocketServer({ noServer: true, maxPayload: MAX_MESSAGE_BYTES, perMessageDeflate: false })

  constructor(directory: Directory, viewing: Viewing, fanOuts: FanOuts) {
    this.#fanOuts = fanOuts
    this.#directory = directory
    this.#viewing = viewing
  }

  register(app: FastifyInstance): void {
    app.get<{ Params: { file: string } }>('/live/:file', { exposeHeadRoute: false }, async (request, reply) => {
      const upgrade = takeUpgrade(request, reply)
      if (upgrade) return void (await this.#upgrade(request.params.file, request.raw, upgrade))
      const name = nameOf(request.params.file)
      const cors = this.#viewing.corsOf(request.raw)
      reply.headers({ ...cors, 'cache-control': 'no-store' })
      const grant = await this.#viewing.admit(request.raw, name)
      // They may have gone meanwhile.
      if (request.raw.socket.destroyed) return reply.hijack()
      const broadcast = this.#live(name)
      if (!broadcast) return reply.code(404).send(notFound(NOT_LIVE))
      const { socket } = request.raw
      // Only the first of several requests that were sent at once has the connection.
      if (reply.raw.socket !== socket)
        return reply.code(400).send(errorBody('bad_request', 'Wait for one response before you ask for a stream.'))
      this.#hold(request.raw, socket, grant)
      const connection = takeConnection(request, reply, { ...HEADERS, ...cors }, CLOSES)
      this.#fanOuts.of(broadcast).add({
        way: 'flv',
        socket: connection,
        bytesOf: (batch: Batch) => batch.plain,
        opening: flvOpening,
        ...NEITHER,
        end() {
          connection.end()
          // One who reads nothing would keep what waits for ever.
          setTimeout(() => connection.destroy(), END_MS).unref()
        },
      })
    })
    app.head<{ Params: { file: string } }>('/live/:file', async (request, reply) => {
      const name = nameOf(request.params.file)
      await this.#viewing.admit(request.raw, name)
      const live = this.#live(name) !== null
      return reply
        .code(live ? 200 : 404)
        .headers({ ...this.#viewing.corsOf(request.raw), 'cache-control': 'no-store', 'content-type': 'video/x-flv' })
        .send()
    })
    onlyRead(app, '/live/:file', this.#viewing)
  }

  /** Ends the connections of viewers that the end of their broadcasts has not ended: one who reads nothing would keep the server. */
  async close(): Promise<void> {
    await atMost(CLOSE_MS, Promise.all([...this.#open.values()]))
    for (const socket of this.#open.keys()) socket.destroy()
  }

  /** Takes an upgrade to `/live/` and `file`. */
  async #upgrade(file: string, request: IncomingMessage, { socket, head }: Upgrade): Promise<void> {
    const name = nameOf(file)
    let broadcast: Broadcast | null
    try {
      this.#viewing.requireOrigin(request)
      const grant = await this.#viewing.admit(request, name)
      if (socket.destroyed) return
      broadcast = this.#live(name)
      if (broadcast) this.#hold(request, socket, grant)
    } catch (error) {
      if (!(error instanceof GatewayError)) {
        socket.destroy()
        throw error
      }
      return refuseUpgrade(socket, error)
    }
    if (!broadcast) return refuseUpgrade(socket, new GatewayError('not_found', NOT_LIVE))
    const fanOut = this.#fanOuts.of(broadcast)
    this.#sockets.handleUpgrade(request, socket, head, (webSocket) => {
      // What a viewer sends against the protocol closes its socket, which is all there is to do.
      webSocket.on('error', () => {})
      fanOut.add({
        way: 'flvWebSocket',
        // The connection of an HTTP server, plain or with TLS. Its messages are whole, so those of `ws` may come between.
        socket,
        bytesOf: (batch: Batch) => batch.message,
        opening(tags: readonly BusTag[], layout: Layout | null) {
          const pieces = flvOpening(tags, layout)
          const length = pieces.reduce((sum, piece) => sum + piece.length, 0)
          return length === 0 ? [] : [messageHeader(length), ...pieces]
        },
        ...NEITHER,
        end() {
          webSocket.close(1000, 'the broadcast has ended')
          setTimeout(() => webSocket.terminate(), CLOSE_MS).unref()
        },
      })
    })
  }

  #live(name: string): Broadcast | null {
    const broadcast = this.#directory.get(name)
    return broadcast?.hasMedia ? broadcast : null
  }

  /** Counts a viewer's connection for as long as it lasts: until the viewer's token is over, where one was needed. */
  #hold(request: IncomingMessage, socket: Duplex, grant: Grant): void {
    const release = this.#viewing.hold(request)
    const cancel = this.#viewing.whenOver(grant, () => socket.destroy())
    this.#open.set(socket, new Promise((resolve) => socket.once('close', resolve)))
    socket.once('close', () => {
      this.#open.delete(socket)
      release()
      cancel()
    })
  }
}

/** A player of FLV begins anew where there are other tracks, and has no way to pause. */
const NEITHER = { takesOtherTracks: false, isPaused: () => false }

function flvOpening(tags: readonly BusTag[], layout: Layout | null): Buffer[] {
  const bytes = tags.map((tag) => tag.bytes)
  return layout ? [encodeFileHeader(layout), ...bytes] : bytes
}

/** The stream that `file` names; '' for a file that is none, which is no stream's name. */
function nameOf(file: string): string {
  return /^(.*)\.flv$/.exec(file)?.[1] ?? ''
}
