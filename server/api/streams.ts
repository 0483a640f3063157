import type { IncomingMessage } from 'node:http'
import type { FastifyInstance } from 'fastify'
import type { PlaybackLinks, StreamStatus } from '../../shared/status.ts'
import type { Access } from '../access/access.ts'
import { bearerOf } from '../access/credentials.ts'
import type { Viewing } from '../access/viewing.ts'
import type { Broadcast } from '../broadcast/broadcast.ts'
import type { Directory } from '../broadcast/directory.ts'
import { notFound } from './errors.ts'
import { onlyRead } from './methods.ts'
import { playbackLinks } from './playback.ts'

/** A broadcast as the API tells it. */
export function statusOf(broadcast: Broadcast, playback: PlaybackLinks): StreamStatus {
  return {
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
  app: FastifyInstance,
  directory: Directory,
  base: (request: IncomingMessage) => string,
  { access, viewing }: { access: Access; viewing: Viewing },
): void {
  app.get('/api/streams', async (request, reply) => {
    if (access.isPrivate) access.requireAdmin(bearerOf(request.raw))
    const here = base(request.raw)
    reply.header('cache-control', 'no-store')
    return { streams: directory.all().map((broadcast) => statusOf(broadcast, playbackLinks(here, broadcast.name))) }
  })
  app.get<{ Params: { name: string } }>('/api/streams/:name', async (request, reply) => {
    const { name } = request.params
    reply.headers(viewing.corsOf(request.raw))
    await viewing.admit(request.raw, name)
    const broadcast = directory.get(name)
    // Every player asks: a cache in front may answer for a second. What it says is for any page that plays the stream.
    reply.header('cache-control', access.isPrivate ? 'no-store' : 'public, max-age=1')
    if (!broadcast) return reply.code(404).send(notFound('Nobody is broadcasting under this name now.'))
    return statusOf(broadcast, playbackLinks(base(request.raw), broadcast.name))
  })
  onlyRead(app, '/api/streams/:name', viewing)
}
