import { randomBytes } from 'node:crypto'
import { GatewayError } from '../../shared/errors.ts'
import { parseFragment } from './sdp.ts'

/** A session as its client knows it. */
export interface IceSession {
  /** Not to be guessed: whoever has it may end the session. */
  readonly id: string
  /** Names its credentials (RFC 9725, section 4.3.1): others with each restart. */
  etag: string
  readonly peer: { restart(): string }
}

/** An id and an ETag for a new session. */
export function newSession(): { id: string; etag: string } {
  return { id: randomBytes(18).toString('base64url'), etag: newTag() }
}

/**
 * Takes what a client trickles, which is not needed, or lets it come from elsewhere, as `condition`, its `If-Match`, says (RFC 9725, section 4.3). Gives
 * null, or what it needs to come from elsewhere.
 * @throws GatewayError `precondition_required`, `precondition_failed` or `bad_request`
 */
export function patchSession(
  session: IceSession,
  fragment: string,
  condition: string | undefined,
): { sdp: string; etag: string } | null {
  if (condition === undefined) {
    throw new GatewayError('precondition_required', 'Say which session is meant: If-Match with its ETag, or "*".')
  }
  const { ice } = parseFragment(fragment)
  if (condition === '*' && ice) {
    session.etag = newTag()
    return { sdp: session.peer.restart(), etag: session.etag }
  }
  if (condition !== '*' && condition !== session.etag) {
    throw new GatewayError('precondition_failed', 'The session has begun anew since: its ETag is another one.')
  }
  return null
}

function newTag(): string {
  return `"${randomBytes(6).toString('hex')}"`
}
