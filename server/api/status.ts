import type { IncomingMessage } from 'node:http'
import { Type } from 'typebox'
import type { SignedLinks } from '../access/signed-links.ts'
import type { Archive } from '../archive/archive.ts'
import type { Directory } from '../broadcast/directory.ts'
import { playbackLinks } from '../http/links.ts'
import type { Monitor } from '../monitor/monitor.ts'
import type { Pulse } from '../monitor/pulse.ts'
import { GatewayStatus, ref } from './schemas.ts'
import { statusOf } from './streams.ts'
import { thumbnailPath } from './thumbnails.ts'
import type { Api } from './validation.ts'

/** What the status of a gateway is made from. */
export interface StatusContext {
  directory: Directory
  archive: Archive
  links: SignedLinks
  monitor: Monitor
  pulse: Pulse
  base(request: IncomingMessage): string
}

/** How a gateway is, with `beats` seconds of the past of each broadcast. */
export function gatewayStatus(context: StatusContext, request: IncomingMessage, beats: number) {
  const { directory, archive, links, monitor, pulse, base } = context
  const here = base(request)
  const streams = directory.all().map((broadcast) => {
    const path = thumbnailPath(broadcast.name)
    return {
      ...statusOf(broadcast, playbackLinks(here, broadcast.name)),
      thumbnail: broadcast.carried.video ? `${here}${path}?${links.queryFor(path)}` : null,
      recording: archive.recordingOf(broadcast)?.id ?? null,
      beats: pulse.of(broadcast).slice(-beats),
    }
  })
  return { ...monitor.status(), streams }
}

/** `GET /api/status`. */
export function statusRoute(admin: Api, context: StatusContext): void {
  admin.get(
    '/api/status',
    {
      schema: {
        operationId: 'getStatus',
        tags: ['Gateway'],
        summary: 'How the gateway is: what is live, what is wrong, what its processes use',
        querystring: Type.Object({
          beats: Type.Optional(
            Type.Integer({
              minimum: 1,
              maximum: 300,
              default: 1,
              description: 'Seconds of the past of each broadcast.',
            }),
          ),
        }),
        response: { 200: ref(GatewayStatus) },
      },
    },
    async (request, reply) => {
      reply.header('cache-control', 'no-store')
      return gatewayStatus(context, request.raw, request.query.beats ?? 1)
    },
  )
}
