import type { FastifyInstance } from 'fastify'
import { GatewayError } from '../../shared/errors.ts'
import type { Origins } from '../access/origins.ts'

/** What can be read of a gateway. Pages are the same for everybody, and WebSockets of publishers ask by themselves. */
const READABLE = ['/api/', '/metrics', '/hls/', '/live/', '/recordings/']

/**
 * Refuses requests to read that name another host than this one, where neither a token nor a key is asked for: a page elsewhere may give its own name
 * the address of this machine (DNS rebinding), and would read what is here.
 */
export function requireOwnHost(app: FastifyInstance, origins: Origins): void {
  app.addHook('onRequest', async ({ raw }) => {
    const path = (raw.url ?? '').slice(app.prefix.length)
    if (!READABLE.some((readable) => path.startsWith(readable)) || !origins.mayBeRebound(raw)) return
    const host = (raw.headers.host ?? '').slice(0, 200)
    throw new GatewayError(
      'forbidden',
      `This server answers to the names of this machine, and not to ${host}. Its operator can allow that with --public-url.`,
    )
  })
}
