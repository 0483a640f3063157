import type { IncomingMessage } from 'node:http'
import { Type } from 'typebox'
import { GatewayError } from '../../shared/errors.ts'
import { type PlaybackLinks, parseStreamStatus, type StreamStatus } from '../../shared/status.ts'
import type { Access } from '../access/access.ts'
import { bearerOf } from '../access/credentials.ts'
import type { Viewing } from '../access/viewing.ts'
import type { Broadcast } from '../broadcast/broadcast.ts'
import type { Directory } from '../broadcast/directory.ts'
import { notFound } from '../http/errors.ts'
import { playbackLinks } from '../http/links.ts'
import { onlyRead } from '../http/read-only.ts'
import { forViewers, type InsiderContext, insiderOf } from './insiders.ts'
import { errors, ref, Stream, StreamParams, Streams } from './schemas.ts'
import type { Api } from './validation.ts'

/** The words of a 404. */
export const NOT_LIVE = 'Nobody is broadcasting under this name now.'

/**
 * The broadcast `name`.
 * @throws GatewayError `no_session`, which is a 404, where nothing is live under this name
 */
export function requireLive(directory: Directory, name: string): Broadcast {
  const broadcast = directory.get(name)
  if (!broadcast) throw new GatewayError('not_found', NOT_LIVE)
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
    advice: broadcast.advice,
    targets: broadcast.targets(),
    viewers: broadcast.audience.status(),
    playback,
  }
}

/** Those that can be written as the API says: one that cannot must not keep the others from being told. `onLeft` gets its name. */
export function tellable(streams: StreamStatus[], onLeft: (name: string) => void): StreamStatus[] {
  return streams.filter((status) => {
    try {
      const read = parseStreamStatus(JSON.parse(JSON.stringify(status)))
      // What cannot be read as a track is read as none.
      const isWhole = read !== null && !read.video === !status.video && !read.audio === !status.audio
      if (isWhole) return true
    } catch {
      // It is left out as well.
    }
    onLeft(status.name)
    return false
  })
}

/** What the routes of streams need of the gateway. */
export interface StreamContext extends InsiderContext {
  directory: Directory
  viewing: Viewing
  /** Base of the links that are handed out to a request. */
  base(request: IncomingMessage): string
}

/** `GET /api/streams` and `GET /api/streams/NAME`. A viewer who knows a name is told of it, and not where it is pushed to. */
export function streamRoutes(api: Api, context: StreamContext): void {
  const { directory, access, viewing, base } = context
  const schema = { tags: ['Streams'], security: [{}, { adminKey: [] }, { session: [] }] }
  api.get(
    '/api/streams',
    {
      schema: {
        ...schema,
        operationId: 'listStreams',
        summary:
          'All that is live. Where there is a secret or an admin key, this needs the latter; a token to publish lists its own',
        response: { 200: Streams, ...errors(401, 403, 429) },
      },
    },
    async (request, reply) => {
      const { mayList, knows } = await insiderOf(request.raw, context)
      const known = directory.all().filter((broadcast) => knows(broadcast.name, broadcast))
      if (!mayList && known.length === 0) access.requireAdmin(bearerOf(request.raw))
      const here = base(request.raw)
      reply.header('cache-control', 'no-store')
      const streams = known.map((broadcast) => statusOf(broadcast, playbackLinks(here, broadcast.name)))
      return { streams: tellable(streams, (name) => request.log.error({ stream: name }, 'a stream cannot be told')) }
    },
  )
  api.get(
    '/api/streams/:name',
    {
      schema: {
        ...schema,
        operationId: 'getStream',
        summary:
          'One that is live. Where watching needs a token, so does this. Its targets are for admins and its publisher',
        params: StreamParams,
        response: { 200: ref(Stream), ...errors(400, 401, 403, 404, 429) },
      },
    },
    async (request, reply) => {
      const { name } = request.params
      const cors = viewing.corsOf(request.raw)
      // What a viewer is told must not be told to an insider by a cache, and least of all the other way round.
      const vary = [cors.vary, 'Authorization'].filter((name) => name !== undefined).join(', ')
      reply.headers({ ...cors, vary })
      const broadcast = directory.get(name)
      const isInsider = (await insiderOf(request.raw, context)).knows(name, broadcast)
      if (!isInsider) await viewing.admit(request.raw, name)
      // Every player asks: a cache in front may answer for a second. What it says is for any page that plays the stream.
      const isForAll = !access.isPrivate && (!isInsider || !access.isGuarded)
      reply.header('cache-control', isForAll ? 'public, max-age=1' : 'no-store')
      if (!broadcast) return reply.code(404).send(notFound(NOT_LIVE))
      const status = statusOf(broadcast, playbackLinks(base(request.raw), broadcast.name))
      return isInsider ? status : forViewers(status)
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
      await publisher?.stop(new GatewayError('forbidden', 'The operator of this server has stopped the broadcast.'))
      if (publisher?.tokenId) access.revoke(publisher.tokenId, publisher.expiresAt)
      await broadcast.end()
      return reply.code(204).send(null)
    },
  )
}
