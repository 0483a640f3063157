import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A web site of somebody else: another origin than the gateway's, and a secure one for browsers. */
export interface Site {
  origin: string
  close(): void
}

/** Serves `html` at every address, with `headers`; it may be made of the site's own origin. */
export async function startSite(
  html: string | ((origin: string) => string),
  headers: Record<string, string> = {},
): Promise<Site> {
  const server = createServer((_, response) => {
    response.writeHead(200, { 'content-type': 'text/html; charset=utf-8', ...headers })
    response.end(typeof html === 'string' ? html : html(origin))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const origin = `http://localhost:${(server.address() as AddressInfo).port}`
  return {
    origin,
    close() {
      server.close()
      server.closeAllConnections()
    },
  }
}
