import type { IncomingMessage, ServerResponse } from 'node:http'
import { Type } from 'typebox'
import type { Events, GatewayEvent } from '../events/events.ts'
import { MAX_BEATS } from '../monitor/pulse.ts'
import { Event, errors, ref } from './schemas.ts'
import { gatewayStatus, type StatusContext } from './status.ts'
import type { Api } from './validation.ts'

/** What the route of events needs of the gateway. */
export interface EventContext extends StatusContext {
  events: Events
}

/** How often the status is told to those who ask for it. */
const STATUS_MS = 1_000

/** Proxies close connections on which nothing is said for a minute. */
const HEARTBEAT_MS = 15_000

/** Most bytes that wait for someone who reads too slowly: then the connection ends, and the next one begins where it ended. */
const MAX_WAITING_BYTES = 1024 * 1024

/** `GET /api/events`: the latest events as a list, or all that come as server-sent events (HTML, 9.2), for those who accept these. */
export function eventRoutes(admin: Api, context: EventContext): void {
  const { events } = context
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
          status: Type.Optional(
            Type.Boolean({ description: 'As server-sent events: also "status" once a second, with a GatewayStatus.' }),
          ),
        }),
        response: {
          200: {
            description: 'The events, or a stream of them.',
            content: {
              'application/json': { schema: Type.Object({ events: Type.Array(ref(Event)) }) },
              'text/event-stream': { schema: Type.String() },
            },
          },
          ...errors(400),
        },
      },
    },
    async (request, reply) => {
      const seen = Number(request.headers['last-event-id'] ?? request.query.after ?? 0) || 0
      if (!request.headers.accept?.includes('text/event-stream')) {
        reply.header('cache-control', 'no-store')
        return { events: events.after(seen) }
      }
      reply.hijack()
      follow(reply.raw, seen, request.query.status ? request.raw : null)
      return reply
    },
  )

  /** `asker`: who is told the status, too. */
  function follow(response: ServerResponse, seen: number, asker: IncomingMessage | null): void {
    response.writeHead(200, {
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      // nginx would hold events back to send them together.
      'x-accel-buffering': 'no',
    })
    response.write(': castgate\n\n')
    for (const event of events.after(seen)) response.write(asText(event))
    const send = (text: string) => {
      if (response.writableLength > MAX_WAITING_BYTES) response.destroy()
      else response.write(text)
    }
    const leave = events.listen((event) => send(asText(event)))
    const tellStatus = (beats: number) => {
      // The next one says the same, and more.
      if (asker && response.writableLength < MAX_WAITING_BYTES / 4)
        send(`event: status\ndata: ${JSON.stringify(gatewayStatus(context, asker, beats))}\n\n`)
    }
    tellStatus(MAX_BEATS)
    const status = asker ? setInterval(() => tellStatus(1), STATUS_MS) : undefined
    const heartbeat = setInterval(() => send(':\n\n'), HEARTBEAT_MS)
    open.add(response)
    response.once('close', () => {
      open.delete(response)
      clearInterval(heartbeat)
      clearInterval(status)
      leave()
    })
  }
}

function asText(event: GatewayEvent): string {
  return `id: ${event.id}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`
}
