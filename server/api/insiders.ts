import type { IncomingMessage } from 'node:http'
import type { StreamStatus } from '../../shared/status.ts'
import type { Access } from '../access/access.ts'
import { coversStream } from '../access/claims.ts'
import { bearerOf } from '../access/credentials.ts'
import type { Broadcast } from '../broadcast/broadcast.ts'

/** What telling insiders from strangers needs of the gateway. */
export interface InsiderContext {
  access: Access
  /** Whether `session` is that of the publisher of a broadcast. */
  isPublisher(broadcast: Broadcast, session: string): boolean
}

/** What the sender of a request may know beyond what a viewer may. */
export interface Insider {
  /** Whether they may ask for a list at all: it then has what they know. */
  mayList: boolean
  /** Whether they are told all of the stream `name`, which `broadcast` is, or null while it is not live. */
  knows(name: string, broadcast: Broadcast | null): boolean
}

/**
 * Who is told where a broadcast is pushed to, and which broadcasts there are: admins, and a broadcast's own publisher, by the id of the
 * session or a token that publishes it. Where there is neither a secret nor an admin key, nobody can be told apart, and everyone is.
 */
export async function insiderOf(request: IncomingMessage, { access, isPublisher }: InsiderContext): Promise<Insider> {
  const bearer = bearerOf(request)
  if (!access.isGuarded || access.isAdmin(bearer)) return { mayList: true, knows: () => true }
  const pattern = await access.publishedWith(bearer)
  return {
    mayList: pattern !== null,
    knows: (name, broadcast) =>
      (pattern !== null && coversStream(pattern, name)) ||
      (broadcast !== null && bearer !== null && isPublisher(broadcast, bearer)),
  }
}

/** The same status for a viewer, who is not told where the broadcast goes. */
export function forViewers(status: StreamStatus): StreamStatus {
  return { ...status, targets: [] }
}
