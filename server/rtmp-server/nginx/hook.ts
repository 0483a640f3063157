import { randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { isStreamName } from '../../../shared/stream-name.ts'
import { isSame } from '../../process/secret.ts'
import type { PublishHandlers } from '../rtmp-server.ts'

const MOST_BODY_BYTES = 16 * 1024

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
export async function startHook(secret: string, handlers: PublishHandlers): Promise<Hook> {
  const path = `/${randomBytes(16).toString('hex')}`
  /** Names of the other encoders' streams, by nginx's id of the connection. */
  const publishers = new Map<string, string>()
  const server = createServer((request, response) => {
    const answer = async () => {
      const form = await readForm(request)
      response.statusCode = request.url === path && (await allows(form)) ? 200 : 403
      response.end()
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
    if (form.get('call') === 'publish_done') {
      const name = publishers.get(client)
      publishers.delete(client)
      if (name !== undefined) handlers.onUnpublish(name)
      return true
    }
    if (isOneOf(form.getAll('gateway'), secret)) return true
    const name = form.get('name')
    const [token = null, ...others] = form.getAll('token')
    if (!isStreamName(name) || others.length > 0) return false
    if (form.get('call') === 'play') return handlers.onPlay(name, token)
    if (!(await handlers.onPublish(name, token))) return false
    publishers.set(client, name)
    return true
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
    if (body.length > MOST_BODY_BYTES) throw new Error('The notification is too long.')
  }
  return new URLSearchParams(body)
}
