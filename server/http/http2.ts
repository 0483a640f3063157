import type { Http2SecureServer, ServerHttp2Stream } from 'node:http2'
import type { Duplex } from 'node:stream'
import type { FastifyReply, FastifyRequest } from 'fastify'

/** Most requests that one connection may have open: as browsers expect at least (RFC 9113, 6.5.2). */
export const MAX_STREAMS = 100

/** Makes requests of HTTP/2 name their host as those of HTTP/1.1 do: it is `:authority` there (RFC 9113, 8.3.1). */
export function nameHosts(server: Http2SecureServer): void {
  server.prependListener('request', ({ headers }) => {
    headers.host ??= headers[':authority']
  })
}

/**
 * Takes the answer to a request out of the hands of Fastify: what is written to the connection that it gives goes to the client. `headers` are those of the
 * answer, and `http1` what begins one of HTTP/1.1.
 */
export function takeConnection(
  request: FastifyRequest,
  reply: FastifyReply,
  headers: Record<string, string>,
  http1: string,
): Duplex {
  reply.hijack()
  const raw = reply.raw as typeof reply.raw & { stream?: ServerHttp2Stream }
  if (raw.stream) {
    raw.stream.respond({ ':status': 200, ...headers })
    return raw.stream
  }
  const { socket } = request.raw
  const lines = Object.entries(headers).map(([name, value]) => `\r\n${name}: ${value}`)
  socket.write(`HTTP/1.1 200 OK${lines.join('')}${http1}\r\nDate: ${new Date().toUTCString()}\r\n\r\n`)
  return socket
}
