import type { ServerResponse } from 'node:http'
import { Type } from 'typebox'
import type { Events, GatewayEvent } from '../events/events.ts'
import { Event, errors, ref } from './schemas.ts'
import type { Api } from './validation.ts'

/** What the route of events needs of the gateway. */
export interface EventContext {
  events: Events
}

/** Proxies close connections on which nothing is said for a minute. */
const HEARTBEAT_MS = 15_000

/** Most bytes that wait for someone who reads too slowly: then the connection ends, and the next one begins where it ended. */
const MOST_WAITING_BYTES = 1024 * 1024

/** `GET /api/events`: the latest events as a list, or all that come as server-sent events (HTML, 9.2), for those who accept these. */
export function eventRoutes(admin: Api, { events }: EventContext): void {
  const open = new Set<ServerResponse>()
  admin.addHook('preClose', async () => {
    for (const response of open) response.end()
  })
  admin.get(
    '/api/events',
    {
      schema: {
        operationId: 'listEvents',
        tags: ['Events'],
        summary:
          'The latest events, oldest first; with "Accept: text/event-stream", all that come, as server-sent events',
        querystring: Type.Object({
          after: Type.Optional(
            Type.Integer({ minimum: 0, description: 'The number of the last event that is known.' }),
          ),
        }),
        response: { 200: Type.Object({ events: Type.Array(ref(Event)) }), ...errors(400) },
      },
    },
    async (request, reply) => {
      const seen = Number(request.headers['last-event-id'] ?? request.query.after ?? 0) || 0
      if (!request.headers.accept?.includes('text/event-stream')) {
        reply.header('cache-control', 'no-store')
        return { events: events.after(seen) }
      }
      reply.hijack()
      follow(reply.raw, seen)
      return reply
    },
  )

  function follow(response: ServerResponse, seen: number): void {
    response.writeHead(200, {
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      // nginx would hold events back to send them together.
      'x-accel-buffering': 'no',
    })
    response.write(': castgate\n\n')
    for (const event of events.after(seen)) response.write(asText(event))
    const send = (text: string) => {
      if (response.writableLength > MOST_WAITING_BYTES) response.destroy()
      else response.write(text)
    }
    const leave = events.listen((event) => send(asText(event)))
    const heartbeat = setInterval(() => send(':\n\n'), HEARTBEAT_MS)
    open.add(response)
    response.once('close', () => {
      open.delete(response)
      clearInterval(heartbeat)
      leave()
    })
  }
}

function asText(event: GatewayEvent): string {
  return `id: ${event.id}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`
}
