import { Type } from 'typebox'
import { GatewayError } from '../../shared/errors.ts'
import type { Access } from '../access/access.ts'
import { PATTERN_RULE, STREAM_PATTERN } from '../access/claims.ts'
import { MAX_DURATION_SECONDS } from '../config/values.ts'
import { errors, moment, nullable } from './schemas.ts'
import type { Api } from './validation.ts'

const DEFAULT_TTL_SECONDS = 3600

const limit = (maximum: number, description: string) =>
  Type.Optional(nullable(Type.Integer({ minimum: 1, maximum }), { default: null, description }))

const TokenRequest = Type.Object(
  {
    stream: Type.String({ pattern: STREAM_PATTERN, description: `The stream it is for: ${PATTERN_RULE}.` }),
    publish: Type.Optional(Type.Boolean({ default: false, description: 'It allows to broadcast.' })),
    play: Type.Optional(Type.Boolean({ default: false, description: 'It allows to watch.' })),
    record: Type.Optional(Type.Boolean({ default: false, description: 'What is broadcast with it is recorded.' })),
    ttl: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: MAX_DURATION_SECONDS,
        default: DEFAULT_TTL_SECONDS,
        description: 'How long it is good, in s.',
      }),
    ),
    maxSeconds: limit(MAX_DURATION_SECONDS, 'How long one broadcast may last, in s.'),
    maxBitrate: limit(Number.MAX_SAFE_INTEGER, 'Most bits a second.'),
  },
  { additionalProperties: false },
)

/** `POST /api/tokens` makes a token, `POST /api/tokens/revoke` denies one. */
export function tokenRoutes(admin: Api, access: Access): void {
  admin.post(
    '/api/tokens',
    {
      schema: {
        operationId: 'makeToken',
        tags: ['Tokens'],
        summary: 'Makes a token that lets its bearer broadcast or watch',
        body: TokenRequest,
        response: {
          201: Type.Object({ token: Type.String(), expiresAt: moment('When it ends.') }, { description: 'The token.' }),
          ...errors(400, 503),
        },
      },
    },
    async (request, reply) => {
      const { stream, publish = false, play = false, record = false } = request.body
      const { maxSeconds = null, maxBitrate = null } = request.body
      const { ttl = DEFAULT_TTL_SECONDS } = request.body
      if (!publish && !play) throw new GatewayError('bad_request', '"publish" or "play" must be true.')
      const token = await access.issue({ stream, publish, play, record, maxSeconds, maxBitrate }, ttl)
      const expiresAt = new Date(Date.now() + ttl * 1000).toISOString()
      return reply.code(201).header('cache-control', 'no-store').send({ token, expiresAt })
    },
  )

  admin.post(
    '/api/tokens/revoke',
    {
      schema: {
        operationId: 'revokeToken',
        tags: ['Tokens'],
        summary: 'Denies a token: whoever broadcasts or watches with it is cut off',
        body: Type.Object(
          { jti: Type.String({ minLength: 1, maxLength: 256, description: 'The id of the token.' }) },
          { additionalProperties: false },
        ),
        response: { 204: Type.Null({ description: 'It is denied.' }), ...errors(400) },
      },
    },
    async (request, reply) => {
      access.revoke(request.body.jti, null)
      return reply.code(204).send(null)
    },
  )
}
