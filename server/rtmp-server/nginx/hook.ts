import { randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { isStreamName } from '../../../shared/stream-name.ts'
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
 * Answers nginx-rtmp's `on_publish` and `on_publish_done` (its wiki, "Directives: Notify"): form fields in a POST, 2xx to
 * allow. A publisher whose arguments carry `secret` is the gateway itself.
 */
export async function startHook(secret: string, handlers: PublishHandlers): Promise<Hook> {
  const path = `/${randomBytes(16).toString('hex')}`
  /** Names of the other encoders' streams, by nginx's id of the connection. */
  const publishers = new Map<string, string>()
  const server = createServer((request, response) => {
    readForm(request).then(
      (form) => {
        response.statusCode = request.url === path && allows(form) ? 200 : 403
        response.end()
      },
      () => response.destroy(),
    )
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

  function allows(form: URLSearchParams): boolean {
    const client = form.get('clientid') ?? ''
    if (form.get('call') === 'publish_done') {
      const name = publishers.get(client)
      publishers.delete(client)
      if (name !== undefined) handlers.onUnpublish(name)
      return true
    }
    if (form.get('publisher') === secret) return true
    const name = form.get('name')
    if (!isStreamName(name) || !handlers.onPublish(name)) return false
    publishers.set(client, name)
    return true
  }
}

async function readForm(request: IncomingMessage): Promise<URLSearchParams> {
  let body = ''
  for await (const piece of request.setEncoding('utf8')) {
    body += String(piece)
    if (body.length > MOST_BODY_BYTES) throw new Error('The notification is too long.')
  }
  return new URLSearchParams(body)
}
