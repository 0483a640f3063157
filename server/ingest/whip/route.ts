import type { IncomingMessage } from 'node:http'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { GatewayError } from '../../../shared/errors.ts'
import type { PlaybackLinks } from '../../../shared/status.ts'
import { isStreamName, STREAM_NAME_RULE } from '../../../shared/stream-name.ts'
import { playTokenOf } from '../../access/credentials.ts'
import type { Origins } from '../../access/origins.ts'
import { addressOf } from '../../access/request.ts'
import { foreignOrigin } from '../../access/viewing.ts'
import type { WebRtcDoor } from '../../webrtc/door.ts'
import { MAX_SDP_BYTES } from '../../webrtc/sdp.ts'
import type { WhipIngest } from './whip.ts'

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

/** What the routes need of the gateway. */
export interface WhipRouteOptions {
  whip: WhipIngest
  /** Where WebRTC is taken; null for nowhere. */
  door: WebRtcDoor | null
  origins: Origins
  /** Whether a page elsewhere may stand behind a request that names a host of its own. */
  mayBeRebound(request: IncomingMessage): boolean
  /** What comes before the paths of the routes. */
  prefix: string
  playbackOf(name: string, request: IncomingMessage): PlaybackLinks
}

type Named = { Params: { name: string } }
type Session = { Params: { name: string; id: string } }

/** Adds `POST /whip/NAME`, and the sessions that it makes (RFC 9725). */
export async function whipRoutes(app: FastifyInstance, options: WhipRouteOptions): Promise<void> {
  const { whip, door, origins, prefix, playbackOf } = options
  await app.register(async (scope) => {
    for (const type of [SDP, FRAGMENT]) {
      scope.addContentTypeParser(type, { parseAs: 'string', bodyLimit: MAX_SDP_BYTES }, (_request, body, done) =>
        done(null, body),
      )
    }
    scope.addHook('onRequest', async (request, reply) => {
      reply.headers({ ...origins.corsOf(request.raw), ...CORS, 'cache-control': 'no-store' })
      if (request.method === 'OPTIONS') return
      const { raw } = request
      if (!origins.mayPublish(raw) || options.mayBeRebound(raw)) throw foreignOrigin(raw)
    })
    const schema = { hide: true }
    scope.post<Named>('/whip/:name', { schema }, async (request, reply) => {
      const { name } = request.params
      if (!isStreamName(name)) throw new GatewayError('bad_request', `A stream name has ${STREAM_NAME_RULE}.`)
      const sdp = bodyOf(request, SDP)
      if (door === null) throw new GatewayError('unavailable', 'This server takes no WebRTC: see --webrtc-port.')
      const answer = await whip.publish(door, {
        ...{ name, sdp, token: playTokenOf(request.raw), address: addressOf(request.raw) },
        playback: playbackOf(name, request.raw),
      })
      return reply
        .code(201)
        .header('location', `${prefix}/whip/${name}/${answer.id}`)
        .header('etag', answer.etag)
        .type(SDP)
        .send(answer.sdp)
    })
    scope.patch<Session>('/whip/:name/:id', { schema }, async (request, reply) => {
      const { name, id } = request.params
      const fragment = bodyOf(request, FRAGMENT)
      const restarted = whip.patch(name, id, fragment, request.headers['if-match'])
      if (restarted === null) return reply.code(204).send()
      return reply.code(200).header('etag', restarted.etag).type(FRAGMENT).send(restarted.sdp)
    })
    scope.delete<Session>('/whip/:name/:id', { schema }, async (request, reply) => {
      await whip.delete(request.params.name, request.params.id)
      return reply.code(200).send()
    })
    for (const url of ['/whip/:name', '/whip/:name/:id']) {
      // A request that asks for nothing gets nothing (RFC 9725, sections 4.2 and 4.3).
      scope.route({
        method: ['GET', 'HEAD'],
        url,
        exposeHeadRoute: false,
        schema,
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
