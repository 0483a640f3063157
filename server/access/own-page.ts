import type { IncomingMessage } from 'node:http'
import type { Access } from './access.ts'
import type { Origins } from './origins.ts'
import { foreignOrigin } from './viewing.ts'

/** What says whose pages may publish. `isLocal`: the gateway listens on this machine alone. */
export interface OwnPageRules {
  access: Access
  origins: Origins
  isLocal: boolean
}

/**
 * Any page that a person visits may open a WebSocket to this server, or post to it, also to one on their own machine (RFC 6455, 10.2).
 * @throws GatewayError `forbidden` for one that is not allowed to publish
 */
export function requireOwnPage(request: IncomingMessage, { access, origins, isLocal }: OwnPageRules): void {
  const mayBeRebound = access.isOpen && isLocal && request.headers.origin !== undefined
  if (!origins.mayPublish(request) || (mayBeRebound && !origins.namesUs(request))) throw foreignOrigin(request)
}
