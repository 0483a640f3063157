import type { FastifyInstance } from 'fastify'
import { IngestError } from '../../shared/close-codes.ts'
import { isFields } from '../../shared/narrow.ts'
import type { Access } from '../access/access.ts'
import { isStreamPattern, PATTERN_RULE } from '../access/claims.ts'
import { bearerOf } from '../access/credentials.ts'
import type { Directory } from '../broadcast/directory.ts'
import { MOST_TTL_SECONDS } from '../make-token.ts'
import { badRequest, notFound } from './errors.ts'

const DEFAULT_TTL_SECONDS = 3600

/** Largest body that is read, in bytes. */
const MOST_BODY_BYTES = 16 * 1024

/**
 * What takes the admin key: `POST /api/tokens` makes a token, `POST /api/tokens/revoke` denies one, `POST /api/streams/NAME/stop` ends a
 * broadcast and denies its token.
 */
export function adminRoutes(app: FastifyInstance, directory: Directory, access: Access): void {
  void app.register(async (admin) => {
    admin.addHook('onRequest', async (request) => access.requireAdmin(bearerOf(request.raw)))
    const options = { bodyLimit: MOST_BODY_BYTES }

    admin.post('/api/tokens', options, async (request, reply) => {
      const asked = readTokenRequest(request.body)
      const token = await access.issue(asked, asked.ttlSeconds)
      const expiresAt = new Date(Date.now() + asked.ttlSeconds * 1000).toISOString()
      return reply.code(201).header('cache-control', 'no-store').send({ token, expiresAt })
    })

    admin.post('/api/tokens/revoke', options, async (request, reply) => {
      const { jti } = isFields(request.body) ? request.body : {}
      if (typeof jti !== 'string' || jti === '') throw badRequest('"jti" must be the id of a token.')
      access.revoke(jti, null)
      return reply.code(204).send()
    })

    admin.post<{ Params: { name: string } }>('/api/streams/:name/stop', options, async (request, reply) => {
      const broadcast = directory.get(request.params.name)
      if (!broadcast) return reply.code(404).send(notFound('Nobody is broadcasting under this name now.'))
      const { publisher } = broadcast
      await publisher?.stop(new IngestError('forbidden', 'The operator of this server has stopped the broadcast.'))
      if (publisher?.tokenId) access.revoke(publisher.tokenId, publisher.expiresAt)
      await broadcast.end()
      return reply.code(204).send()
    })
  })
}

function readTokenRequest(body: unknown) {
  if (!isFields(body)) throw badRequest('The body must be a JSON object.')
  const {
    stream,
    publish = false,
    play = false,
    ttl = DEFAULT_TTL_SECONDS,
    maxSeconds = null,
    maxBitrate = null,
  } = body
  if (!isStreamPattern(stream)) throw badRequest(`"stream" must be ${PATTERN_RULE}.`)
  if (typeof publish !== 'boolean' || typeof play !== 'boolean' || (!publish && !play)) {
    throw badRequest('"publish" or "play" must be true.')
  }
  return {
    stream,
    publish,
    play,
    ttlSeconds: wholeNumber('ttl', ttl, MOST_TTL_SECONDS),
    maxSeconds: maxSeconds === null ? null : wholeNumber('maxSeconds', maxSeconds, MOST_TTL_SECONDS),
    maxBitrate: maxBitrate === null ? null : wholeNumber('maxBitrate', maxBitrate, Number.MAX_SAFE_INTEGER),
  }
}

function wholeNumber(name: string, value: unknown, most: number): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 1 || value > most) {
    throw badRequest(`"${name}" must be a whole number from 1 to ${most}.`)
  }
  return value
}
