import type { GatewayError } from '../../shared/errors.ts'
import type { ServerMessage } from '../../shared/messages.ts'

/** What a session tells its publisher over: a socket, or whatever stands for one. */
export interface PublisherLink {
  /** Sends a control message; nothing happens where it is closed. */
  send(message: ServerMessage): void
  /** Says that everything arrived, and closes. */
  finish(): void
  /** Says what went wrong, and closes. What has not been handled is dropped. */
  fail(error: GatewayError): void
}
