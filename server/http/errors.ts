import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { ERRORS, type ErrorCode, GatewayError } from '../../shared/errors.ts'

/** What every error over HTTP looks like: `code` for programs, `message` for people. */
export interface ErrorBody {
  error: { code: ErrorCode; message: string }
}

/** An error's body. */
export function errorBody(code: ErrorCode, message: string): ErrorBody {
  return { error: { code, message } }
}

/** The body of a 404. */
export function notFound(message: string): ErrorBody {
  return errorBody('not_found', message)
}

/** The codes of what Fastify and Node refuse by themselves, by status. */
const CODES = new Map<number, ErrorCode>([
  [400, 'bad_request'],
  [404, 'not_found'],
  [405, 'method_not_allowed'],
  [408, 'timeout'],
  [413, 'too_large'],
  [414, 'uri_too_long'],
  [415, 'unsupported_media'],
  [431, 'headers_too_large'],
  [503, 'unavailable'],
])

/** Makes every error of `app` JSON of one shape, and says no more about a failure of ours than that it happened. */
export function errorHandlers(app: FastifyInstance): void {
  app.setNotFoundHandler((_, reply) => reply.code(404).send(notFound('There is nothing at this address.')))
  app.setErrorHandler(answerError)
}

/** Answers a request that failed, also one that Fastify refused before it reached a route. */
export function answerError(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const { code, status, message } = answerOf(error)
  if (status >= 500 && !(error instanceof GatewayError)) request.log.error({ err: error }, 'request failed')
  if (status === 401) void reply.header('www-authenticate', 'Bearer')
  if (status === 429) void reply.header('retry-after', '60')
  // One who is let in later must not get a refusal from a cache.
  void reply.header('cache-control', 'no-store')
  void reply.code(status).header('content-type', 'application/json; charset=utf-8').serializer(JSON.stringify)
  void reply.send(errorBody(code, message))
}

/** Answers a request that Node's parser refused (`clientError`), and closes the connection. */
export function refuseRequest(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const code =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? 'headers_too_large'
      : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? 'timeout'
        : 'bad_request'
  socket.end(rawResponse(new GatewayError(code, 'The request is not HTTP that this server takes.')))
}

/** Answers a connection that is not taken, before anything is read of it, and closes it. */
export function refuseConnection(socket: Socket, error: GatewayError): void {
  socket.end(rawResponse(error), () => socket.destroy())
}

/** A whole HTTP response with an error, for where there is no reply object. */
export function rawResponse({ code, message }: GatewayError): string {
  const { status } = ERRORS[code]
  const body = JSON.stringify(errorBody(code, message))
  const head = `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nContent-Type: application/json; charset=utf-8\r\n`
  return `${head}Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`
}

function answerOf(error: unknown): { code: ErrorCode; status: number; message: string } {
  if (error instanceof GatewayError)
    return { code: error.code, status: ERRORS[error.code].status, message: error.message }
  const given = error instanceof Error && 'statusCode' in error ? error.statusCode : 500
  const status = typeof given === 'number' && given >= 400 && given < 600 ? given : 500
  if (status >= 500) {
    const message = 'The server failed. Its operator sees the reason in the log.'
    return { code: CODES.get(status) ?? 'internal', status, message }
  }
  const message = isInvalid(error) ? error.message : 'The request is not one that this server takes.'
  return { code: CODES.get(status) ?? 'bad_request', status, message }
}

/** Whether a request did not fit the schema of its route: then its message is for people. */
function isInvalid(error: unknown): error is Error {
  return error instanceof Error && 'validation' in error
}
