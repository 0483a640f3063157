import { join } from 'node:path'
import fastifyStatic from '@fastify/static'
import type { FastifyInstance } from 'fastify'
import { isStreamName } from '../../shared/stream-name.ts'
import { notFound } from './errors.ts'

/**
 * What the pages may do. Scripts and styles come from here alone; a player fetches media from wherever the links point to, and
 * works on it in a worker made from a blob.
 */
const CONTENT_SECURITY_POLICY = [
  "default-src 'self'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data: blob:",
  "media-src 'self' blob: http: https:",
  "connect-src 'self' ws: wss: http: https:",
  "worker-src 'self' blob:",
  "object-src 'none'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'self'",
].join('; ')

/** The studio page, the watch page, and what they load. `directory` is what the client was built into. */
export async function pageRoutes(app: FastifyInstance, directory: string): Promise<void> {
  await app.register(fastifyStatic, {
    root: join(directory, 'assets'),
    prefix: '/assets/',
    immutable: true,
    maxAge: '1y',
    index: false,
    // Modules that a page of another site loads.
    setHeaders: (reply) => reply.header('access-control-allow-origin', '*'),
  })
  app.addHook('onSend', async (_, reply) => {
    reply.header('x-content-type-options', 'nosniff')
    reply.header('referrer-policy', 'no-referrer')
  })
  const headers = {
    'content-security-policy': CONTENT_SECURITY_POLICY,
    'cache-control': 'no-cache',
    'permissions-policy': 'camera=(self), microphone=(self), display-capture=(self)',
  }
  app.get('/castgate.js', (_, reply) =>
    reply
      .headers({ 'access-control-allow-origin': '*', 'cache-control': 'no-cache' })
      .sendFile('castgate.js', directory, { cacheControl: false }),
  )
  app.get('/', (_, reply) => reply.headers(headers).sendFile('studio.html', directory, { cacheControl: false }))
  app.get<{ Params: { name: string } }>('/watch/:name', (request, reply) => {
    if (!isStreamName(request.params.name)) return reply.code(404).send(notFound('There is no such stream.'))
    return reply.headers(headers).sendFile('watch.html', directory, { cacheControl: false })
  })
}
