import type { IncomingMessage } from 'node:http'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { GatewayError } from '../../shared/errors.ts'
import { isStreamName, STREAM_NAME_RULE } from '../../shared/stream-name.ts'
import { MAX_SDP_BYTES } from '../webrtc/sdp.ts'

/** Types of bodies (RFC 9725, sections 4.2 and 4.3.1). */
const SDP = 'application/sdp'
const FRAGMENT = 'application/trickle-ice-sdpfrag'

const METHODS = 'OPTIONS, GET, HEAD, POST, PATCH, DELETE'

/** What browsers let pages of other sites read and send. */
const CORS = {
  'access-control-expose-headers': 'Location, ETag, Link',
  'access-control-allow-methods': METHODS,
  'access-control-allow-headers': 'Authorization, Content-Type, If-Match',
  'access-control-max-age': '600',
}

type Named = { Params: { name: string } }
type Session = { Params: { name: string; id: string } }

/** Sessions that begin with an offer and an answer: of publishers (WHIP, RFC 9725) and of viewers (WHEP, draft-ietf-wish-whep). */
export interface SdpSessions {
  /** Where they are: `/whip`. */
  path: string
  /** The headers that let the page of a request read the answer. */
  corsOf(request: IncomingMessage): Record<string, string>
  /** @throws GatewayError for a page that may not use them */
  requireOrigin(request: IncomingMessage): void
  /** Answers an offer. `id`: not to be guessed, since whoever has it may end the session. @throws GatewayError */
  post(name: string, sdp: string, request: IncomingMessage): Promise<{ id: string; sdp: string; etag: string }>
  /**
   * Takes what a client trickles, or lets it come from elsewhere, as `condition`, its `If-Match`, says (RFC 9725, section 4.3). Gives null, or what it
   * needs to come from elsewhere. @throws GatewayError
   */
  patch(name: string, id: string, fragment: string, condition: string | undefined): { sdp: string; etag: string } | null
  /** Ends a session. @throws GatewayError `not_found` */
  delete(name: string, id: string): void | Promise<void>
}

/** Adds `POST PATH/NAME`, and the sessions that it makes. `prefix` comes before the paths of the routes. */
export async function sdpSessionRoutes(app: FastifyInstance, prefix: string, sessions: SdpSessions): Promise<void> {
  const { path } = sessions
  await app.register(async (scope) => {
    for (const type of [SDP, FRAGMENT]) {
      scope.addContentTypeParser(type, { parseAs: 'string', bodyLimit: MAX_SDP_BYTES }, (_request, body, done) =>
        done(null, body),
      )
    }
    scope.addHook('onRequest', async (request, reply) => {
      reply.headers({ ...sessions.corsOf(request.raw), ...CORS, 'cache-control': 'no-store' })
      if (request.method !== 'OPTIONS') sessions.requireOrigin(request.raw)
    })
    const schema = { hide: true }
    scope.post<Named>(`${path}/:name`, { schema }, async (request, reply) => {
      const { name } = request.params
      if (!isStreamName(name)) throw new GatewayError('bad_request', `A stream name has ${STREAM_NAME_RULE}.`)
      const answer = await sessions.post(name, bodyOf(request, SDP), request.raw)
      return reply
        .code(201)
        .header('location', `${prefix}${path}/${name}/${answer.id}`)
        .header('etag', answer.etag)
        .type(SDP)
        .send(answer.sdp)
    })
    scope.patch<Session>(`${path}/:name/:id`, { schema }, async (request, reply) => {
      const { name, id } = request.params
      const restarted = sessions.patch(name, id, bodyOf(request, FRAGMENT), request.headers['if-match'])
      if (restarted === null) return reply.code(204).send()
      return reply.code(200).header('etag', restarted.etag).type(FRAGMENT).send(restarted.sdp)
    })
    scope.delete<Session>(`${path}/:name/:id`, { schema }, async (request, reply) => {
      await sessions.delete(request.params.name, request.params.id)
      return reply.code(200).send()
    })
    for (const url of [`${path}/:name`, `${path}/:name/:id`]) {
      // A request that asks for nothing gets nothing (RFC 9725, sections 4.2 and 4.3).
      scope.route({
        ...{ method: ['GET', 'HEAD'], url, exposeHeadRoute: false, schema },
        handler: async (_, reply) => nothing(reply),
      })
      scope.options(url, { schema }, async (_, reply) => nothing(reply.header('accept-post', SDP)))
      const others = url.endsWith(':id') ? (['POST', 'PUT'] as const) : (['PUT', 'PATCH', 'DELETE'] as const)
      scope.route({
        ...{ method: [...others], url, schema },
        handler: async (_, reply) => {
          reply.header('allow', METHODS)
          throw new GatewayError('method_not_allowed', 'This address does not take that method.')
        },
      })
    }
  })
}

function nothing(reply: FastifyReply): FastifyReply {
  return reply.code(204).send()
}

/** @throws GatewayError `unsupported_media` for a body of another type */
function bodyOf({ body, headers }: FastifyRequest, type: string): string {
  const [given = ''] = (headers['content-type'] ?? '').split(';')
  if (typeof body === 'string' && given.trim().toLowerCase() === type) return body
  throw new GatewayError('unsupported_media', `The body must be of the type ${type}.`)
}
