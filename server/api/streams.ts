import type { IncomingMessage } from 'node:http'
import { Type } from 'typebox'
import { IngestError } from '../../shared/close-codes.ts'
import type { PlaybackLinks, StreamStatus } from '../../shared/status.ts'
import type { Access } from '../access/access.ts'
import { bearerOf } from '../access/credentials.ts'
import type { Viewing } from '../access/viewing.ts'
import type { Broadcast } from '../broadcast/broadcast.ts'
import type { Directory } from '../broadcast/directory.ts'
import { notFound } from './errors.ts'
import { onlyRead } from './methods.ts'
import { playbackLinks } from './playback.ts'
import { errors, ref, Stream, StreamParams, Streams } from './schemas.ts'
import type { Api } from './validation.ts'

/** The words of a 404. */
export const NOT_LIVE = 'Nobody is broadcasting under this name now.'

/**
 * The broadcast `name`.
 * @throws IngestError `no_session`, which is a 404, where nothing is live under this name
 */
export function requireLive(directory: Directory, name: string): Broadcast {
  const broadcast = directory.get(name)
  if (!broadcast) throw new IngestError('no_session', NOT_LIVE)
  return broadcast
}

/** A broadcast as the API tells it. */
export function statusOf(broadcast: Broadcast, playback: PlaybackLinks): StreamStatus {
  return {
    id: broadcast.id,
    name: broadcast.name,
    state: broadcast.state,
    startedAt: broadcast.startedAt.toISOString(),
    source: broadcast.source,
    epoch: broadcast.epoch?.epoch ?? 0,
    video: broadcast.epoch?.video ?? null,
    audio: broadcast.epoch?.audio ?? null,
    bytesIn: broadcast.bytesIn,
    targets: broadcast.targets(),
    viewers: broadcast.audience.status(),
    playback,
  }
}

/** `GET /api/streams` and `GET /api/streams/NAME`. Where watching needs a token, the list is for those with the admin key. */
export function streamRoutes(
  api: Api,
  directory: Directory,
  base: (request: IncomingMessage) => string,
  { access, viewing }: { access: Access; viewing: Viewing },
): void {
  const schema = { tags: ['Streams'], security: [{}, { adminKey: [] }] }
  api.get(
    '/api/streams',
    {
      schema: {
        ...schema,
        operationId: 'listStreams',
        summary: 'All that is live. Where watching needs a token, this needs the admin key',
        response: { 200: Streams, ...errors(401, 403, 429) },
      },
    },
    async (request, reply) => {
      if (access.isPrivate) access.requireAdmin(bearerOf(request.raw))
      const here = base(request.raw)
      reply.header('cache-control', 'no-store')
      return { streams: directory.all().map((broadcast) => statusOf(broadcast, playbackLinks(here, broadcast.name))) }
    },
  )
  api.get(
    '/api/streams/:name',
    {
      schema: {
        ...schema,
        operationId: 'getStream',
        summary: 'One that is live. Where watching needs a token, so does this',
        params: StreamParams,
        response: { 200: ref(Stream), ...errors(400, 401, 403, 404, 429) },
      },
    },
    async (request, reply) => {
      const { name } = request.params
      reply.headers(viewing.corsOf(request.raw))
      await viewing.admit(request.raw, name)
      const broadcast = directory.get(name)
      // Every player asks: a cache in front may answer for a second. What it says is for any page that plays the stream.
      reply.header('cache-control', access.isPrivate ? 'no-store' : 'public, max-age=1')
      if (!broadcast) return reply.code(404).send(notFound(NOT_LIVE))
      return statusOf(broadcast, playbackLinks(base(request.raw), broadcast.name))
    },
  )
  onlyRead(api, '/api/streams/:name', viewing)
}

/** `POST /api/streams/NAME/stop`: ends a broadcast and denies its token. */
export function stopRoute(admin: Api, directory: Directory, access: Access): void {
  admin.post(
    '/api/streams/:name/stop',
    {
      schema: {
        operationId: 'stopStream',
        tags: ['Streams'],
        summary: 'Ends a broadcast and denies the token that it was begun with',
        params: StreamParams,
        response: { 204: Type.Null({ description: 'It has ended.' }), ...errors(400, 404) },
      },
    },
    async (request, reply) => {
      const broadcast = requireLive(directory, request.params.name)
      const { publisher } = broadcast
      await publisher?.stop(new IngestError('forbidden', 'The operator of this server has stopped the broadcast.'))
      if (publisher?.tokenId) access.revoke(publisher.tokenId, publisher.expiresAt)
      await broadcast.end()
      return reply.code(204).send(null)
    },
  )
}
