import { randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Logger } from 'pino'
import { isStreamName } from '../../shared/stream-name.ts'
import { remoteAddress } from '../access/request.ts'
import { isSame } from '../process/secret.ts'
import { Joins } from '../rtmp-server/joins.ts'
import type { PublishHandlers } from '../rtmp-server/rtmp-server.ts'

const MAX_BODY_BYTES = 16 * 1024

/** nginx-rtmp keeps no more of a stream key with its query (NGX_RTMP_MAX_NAME). */
const MAX_KEY_LENGTH = 255

/** The small HTTP server on 127.0.0.1 that nginx asks about publishers. */
export interface Hook {
  port: number
  path: string
  /** nginx has gone, and with it all who published to it. */
  forget(): void
  close(): Promise<void>
}

/**
 * Answers nginx-rtmp's `on_publish`, `on_publish_done` and `on_play` (its wiki, "Directives: Notify"): form fields in a POST, 2xx
 * to allow. One whose arguments carry `secret` is the gateway itself.
 */
export async function startHook(
  { secret, isPrivate, log }: { secret: string; isPrivate: boolean; log: Logger },
  handlers: PublishHandlers,
): Promise<Hook> {
  const path = `/${randomBytes(16).toString('hex')}`
  /** Names of the other encoders' streams, by nginx's id of the connection. */
  const publishers = new Map<string, string>()
  /** Connections whose tokens are looked at. */
  const asking = new Set<string>()
  const joins = new Joins()
  const server = createServer((request, response) => {
    const answer = async () => {
      const form = await readForm(request)
      const isAllowed = request.url === path && (await allows(form))
      response.statusCode = isAllowed ? 200 : 403
      await new Promise<void>((resolve) => response.once('close', resolve).end())
      // nginx, which has one worker, joins the player at this answer, before it reads another.
      if (isAllowed && isOwnPlay(form)) joins.played(form.get('name') ?? '')
    }
    answer().catch(() => response.destroy())
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  return {
    port: (server.address() as AddressInfo).port,
    path,
    forget() {
      for (const name of publishers.values()) handlers.onUnpublish(name)
      publishers.clear()
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }

  async function allows(form: URLSearchParams): Promise<boolean> {
    const client = form.get('clientid') ?? ''
    const call = form.get('call')
    if (call === 'publish_done') {
      leave(client)
      return true
    }
    if (isOwn(form)) return true
    // There is no way to end a player's connection when its token is over, so there is none to begin one.
    if (call === 'play') return !isPrivate
    // One connection publishes one stream: nginx would not tell when the first of two is over.
    if (publishers.has(client) || asking.has(client)) {
      leave(client)
      return false
    }
    const name = form.get('name')
    const [token = null, ...others] = form.getAll('token')
    if (!isStreamName(name) || others.length > 0) return false
    return publish(client, name, token, remoteAddress(form.get('addr')))
  }

  async function publish(client: string, name: string, token: string | null, address: string | null): Promise<boolean> {
    asking.add(client)
    try {
      const isAllowed = await handlers.onPublish(name, token, address)
      if (isAllowed) await joins.untilPlayed(name)
      if (!isAllowed && `${name}?token=${token}`.length >= MAX_KEY_LENGTH) {
        log.warn({ stream: name }, `nginx cuts stream keys at ${MAX_KEY_LENGTH} characters: take a shorter token`)
      }
      // It may have gone meanwhile.
      if (isAllowed && asking.has(client)) publishers.set(client, name)
      else if (isAllowed) handlers.onUnpublish(name)
      return publishers.has(client)
    } finally {
      asking.delete(client)
    }
  }

  function isOwn(form: URLSearchParams): boolean {
    return isOneOf(form.getAll('gateway'), secret)
  }

  function isOwnPlay(form: URLSearchParams): boolean {
    return form.get('call') === 'play' && isOwn(form)
  }

  function leave(client: string): void {
    asking.delete(client)
    const name = publishers.get(client)
    publishers.delete(client)
    if (name !== undefined) handlers.onUnpublish(name)
  }
}

function isOneOf(values: string[], secret: string): boolean {
  const [value, ...others] = values
  return others.length === 0 && value !== undefined && isSame(value, secret)
}

async function readForm(request: IncomingMessage): Promise<URLSearchParams> {
  let body = ''
  for await (const piece of request.setEncoding('utf8')) {
    body += String(piece)
    if (body.length > MAX_BODY_BYTES) throw new Error('The notification is too long.')
  }
  return new URLSearchParams(body)
}
