import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import { WebSocketServer } from 'ws'
import { errorBody, notFound, rawResponse } from '../../api/errors.ts'
import { onlyRead } from '../../api/methods.ts'
import type { Broadcast } from '../../broadcast/broadcast.ts'
import type { Directory } from '../../broadcast/directory.ts'
import { type Batch, messageHeader } from './batch.ts'
import { FlvFanOut } from './fan-out.ts'

const NOT_LIVE = 'Nobody is broadcasting under this name now.'

/** Viewers have nothing to say: more than a few bytes from one ends the connection. */
const MOST_MESSAGE_BYTES = 1024

/** How long a viewer may take to read the rest after the end. */
const END_MS = 30_000

/** How long a viewer's WebSocket may take to close. */
const CLOSE_MS = 1_000

/**
 * What a response begins with. It has no length and is not chunked: it ends with the connection, so that its bytes are the same for
 * all viewers.
 */
const HEAD = [
  'HTTP/1.1 200 OK',
  'Content-Type: video/x-flv',
  'Cache-Control: no-store',
  'Access-Control-Allow-Origin: *',
  'X-Accel-Buffering: no',
  'X-Content-Type-Options: nosniff',
  'Connection: close',
].join('\r\n')

/** `GET /live/NAME.flv`, over HTTP and over WebSocket: the bus as FLV, from the last keyframe on, for as long as it lasts. */
export class FlvRoute {
  readonly #directory: Directory
  readonly #fanOuts = new WeakMap<Broadcast, FlvFanOut>()
  readonly #sockets = new WebSocketServer({ noServer: true, maxPayload: MOST_MESSAGE_BYTES, perMessageDeflate: false })

  constructor(directory: Directory) {
    this.#directory = directory
  }

  register(app: FastifyInstance): void {
    app.get<{ Params: { file: string } }>('/live/:file', { exposeHeadRoute: false }, (request, reply) => {
      const broadcast = this.#liveAt(request.params.file)
      reply.header('access-control-allow-origin', '*').header('cache-control', 'no-store')
      if (!broadcast) return reply.code(404).send(notFound(NOT_LIVE))
      const { socket } = request.raw
      // Only the first of several requests that were sent at once has the connection.
      if (reply.raw.socket !== socket)
        return reply.code(400).send(errorBody('bad_request', 'Wait for one response before you ask for a stream.'))
      reply.hijack()
      socket.write(`${HEAD}\r\nDate: ${new Date().toUTCString()}\r\n\r\n`)
      this.#fanOutOf(broadcast).add({
        way: 'flv',
        socket,
        bytesOf: (batch: Batch) => batch.plain,
        prefix: () => Buffer.alloc(0),
        end() {
          socket.end()
          // One who reads nothing would keep what waits for ever.
          setTimeout(() => socket.destroy(), END_MS).unref()
        },
      })
    })
    app.head<{ Params: { file: string } }>('/live/:file', (request, reply) => {
      const live = this.#liveAt(request.params.file) !== null
      return reply
        .code(live ? 200 : 404)
        .headers({ 'access-control-allow-origin': '*', 'cache-control': 'no-store', 'content-type': 'video/x-flv' })
        .send()
    })
    onlyRead(app, '/live/:file')
  }

  /** Takes an upgrade to `/live/` and `file`. */
  handleUpgrade(file: string, request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const broadcast = this.#liveAt(file)
    if (!broadcast) {
      socket.end(rawResponse(404, NOT_LIVE), () => socket.destroy())
      return
    }
    this.#sockets.handleUpgrade(request, socket, head, (webSocket) => {
      // What a viewer sends against the protocol closes its socket, which is all there is to do.
      webSocket.on('error', () => {})
      this.#fanOutOf(broadcast).add({
        way: 'flvWebSocket',
        // The connection of an HTTP server without TLS. Its messages are whole, so those of `ws` may come between.
        socket: socket as Socket,
        bytesOf: (batch: Batch) => batch.message,
        prefix: messageHeader,
        end() {
          webSocket.close(1000, 'the broadcast has ended')
          setTimeout(() => webSocket.terminate(), CLOSE_MS).unref()
        },
      })
    })
  }

  #liveAt(file: string): Broadcast | null {
    const [, name] = /^(.*)\.flv$/.exec(file) ?? []
    const broadcast = name === undefined ? null : this.#directory.get(name)
    return broadcast?.hasMedia ? broadcast : null
  }

  #fanOutOf(broadcast: Broadcast): FlvFanOut {
    let fanOut = this.#fanOuts.get(broadcast)
    if (!fanOut) {
      fanOut = new FlvFanOut(broadcast)
      this.#fanOuts.set(broadcast, fanOut)
      broadcast.listen(fanOut)
    }
    return fanOut
  }
}
