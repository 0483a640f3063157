import type { Socket } from 'node:net'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { CLOSE_CODES, IngestError } from '../../shared/close-codes.ts'

/** What every error over HTTP looks like: `code` for programs, `message` for people. */
export interface ErrorBody {
  error: { code: string; message: string }
}

/** An error's body. */
export function errorBody(code: string, message: string): ErrorBody {
  return { error: { code, message } }
}

/** The body of a 404. */
export function notFound(message: string): ErrorBody {
  return errorBody('not_found', message)
}

/** A request that cannot be done, for a reason that can be said in words. */
class RequestError extends Error {
  readonly statusCode: number

  constructor(statusCode: number, message: string) {
    super(message)
    this.statusCode = statusCode
  }
}

/** An error that is answered with 400 and `message`. */
export function badRequest(message: string): Error {
  return new RequestError(400, message)
}

/** An error that is answered with 409 and `message`. */
export function conflict(message: string): Error {
  return new RequestError(409, message)
}

const REASONS: Record<number, [code: string, reason: string]> = {
  400: ['bad_request', 'Bad Request'],
  401: ['unauthorized', 'Unauthorized'],
  403: ['forbidden', 'Forbidden'],
  404: ['not_found', 'Not Found'],
  405: ['method_not_allowed', 'Method Not Allowed'],
  408: ['timeout', 'Request Timeout'],
  409: ['conflict', 'Conflict'],
  413: ['too_large', 'Content Too Large'],
  414: ['uri_too_long', 'URI Too Long'],
  429: ['too_many', 'Too Many Requests'],
  431: ['headers_too_large', 'Request Header Fields Too Large'],
  503: ['unavailable', 'Service Unavailable'],
}

/** Makes every error of `app` JSON of one shape, and says no more about a failure of ours than that it happened. */
export function errorHandlers(app: FastifyInstance): void {
  app.setNotFoundHandler((_, reply) => reply.code(404).send(notFound('There is nothing at this address.')))
  app.setErrorHandler(answerError)
}

/** Answers a request that failed, also one that Fastify refused before it reached a route. */
export function answerError(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const status = statusCodeOf(error)
  if (status >= 500 && !(error instanceof IngestError)) request.log.error({ err: error }, 'request failed')
  const [code] = REASONS[status] ?? [status < 500 ? 'bad_request' : 'internal']
  const message =
    error instanceof IngestError || error instanceof RequestError || isInvalid(error)
      ? error.message
      : status < 500
        ? 'The request is not one that this server takes.'
        : 'The server failed. Its operator sees the reason in the log.'
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
  const status = error.code === 'HPE_HEADER_OVERFLOW' ? 431 : error.code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 408 : 400
  socket.end(rawResponse(status, 'The request is not HTTP that this server takes.'))
}

/** Answers a connection that is not taken, before anything is read of it, and closes it. */
export function refuseConnection(socket: Socket, error: IngestError): void {
  socket.end(rawResponse(httpStatusOf(error), error.message), () => socket.destroy())
}

/** A whole HTTP response with an error, for where there is no reply object. */
export function rawResponse(status: number, message: string): string {
  const [code, reason] = REASONS[status] ?? ['bad_request', 'Bad Request']
  const body = JSON.stringify(errorBody(code, message))
  const head = `HTTP/1.1 ${status} ${reason}\r\nContent-Type: application/json; charset=utf-8\r\n`
  return `${head}Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`
}

/** The status of HTTP that means the same as the close code of an error: 4403 is 403. */
export function httpStatusOf({ code }: IngestError): number {
  return CLOSE_CODES[code] - 4000
}

/** Whether a request did not fit the schema of its route: then its message is for people. */
function isInvalid(error: unknown): error is Error {
  return error instanceof Error && 'validation' in error
}

function statusCodeOf(error: unknown): number {
  if (error instanceof IngestError) return httpStatusOf(error)
  const code = error instanceof Error && 'statusCode' in error ? error.statusCode : 500
  return typeof code === 'number' && code >= 400 ? code : 500
}
