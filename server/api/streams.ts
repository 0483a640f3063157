import type { IncomingMessage } from 'node:http'
import type { FastifyInstance } from 'fastify'
import type { PlaybackLinks, StreamStatus } from '../../shared/status.ts'
import type { Broadcast } from '../broadcast/broadcast.ts'
import type { Directory } from '../broadcast/directory.ts'
import { notFound } from './errors.ts'
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

/** `GET /api/streams` and `GET /api/streams/NAME`. */
export function streamRoutes(
  app: FastifyInstance,
  directory: Directory,
  base: (request: IncomingMessage) => string,
): void {
  app.get('/api/streams', (request, reply) => {
    const here = base(request.raw)
    reply.header('cache-control', 'no-store')
    return { streams: directory.all().map((broadcast) => statusOf(broadcast, playbackLinks(here, broadcast.name))) }
  })
  app.get<{ Params: { name: string } }>('/api/streams/:name', (request, reply) => {
    const broadcast = directory.get(request.params.name)
    // Every player asks: a cache in front may answer for a second. What it says is for any page that plays the stream.
    reply.header('cache-control', 'public, max-age=1').header('access-control-allow-origin', '*')
    if (!broadcast) return reply.code(404).send(notFound('Nobody is broadcasting under this name now.'))
    return statusOf(broadcast, playbackLinks(base(request.raw), broadcast.name))
  })
}
