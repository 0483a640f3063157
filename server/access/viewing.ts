import type { IncomingMessage } from 'node:http'
import { GatewayError } from '../../shared/errors.ts'
import type { Access, Grant } from './access.ts'
import { playTokenOf } from './credentials.ts'
import type { Limits } from './limits.ts'
import type { Origins } from './origins.ts'
import { addressOf } from './request.ts'

/** Lets viewers in: what every way to watch asks before it gives anything. */
export class Viewing {
  readonly #access: Access
  readonly #limits: Limits
  readonly #origins: Origins

  constructor(access: Access, limits: Limits, origins: Origins) {
    this.#access = access
    this.#limits = limits
    this.#origins = origins
  }

  /** Whether watching needs a token. */
  get isPrivate(): boolean {
    return this.#access.isPrivate
  }

  /** The token to hand on in links of a playlist, where watching needs one and the request brought it in its own link. */
  tokenForLinks(request: IncomingMessage): string | null {
    return this.#access.isPrivate && request.headers.authorization === undefined ? playTokenOf(request) : null
  }

  /** @throws GatewayError `unauthorized` or `forbidden` for one who may not watch `name` */
  admit(request: IncomingMessage, name: string): Promise<Grant> {
    return this.#access.play(playTokenOf(request), name)
  }

  /** @throws GatewayError `forbidden` for a page whose WebSockets are not taken: browsers let any page open them */
  requireOrigin(request: IncomingMessage): void {
    if (!this.#origins.mayPlay(request)) throw foreignOrigin(request)
  }

  /** The headers that let the page of a request read the answer. */
  corsOf(request: IncomingMessage): Record<string, string> {
    return this.#origins.corsOf(request)
  }

  /**
   * Counts a connection that lasts, until the function that it gives is called.
   * @throws GatewayError `too_many`
   */
  hold(request: IncomingMessage): () => void {
    return this.#limits.hold('sockets', addressOf(request))
  }

  /** Calls `onOver` once, when the grant ends. Gives a function that stops waiting. */
  whenOver(grant: Grant, onOver: () => void): () => void {
    return this.#access.whenOver(grant, onOver)
  }
}

/** The refusal of a page that is not allowed. */
export function foreignOrigin(request: IncomingMessage): GatewayError {
  const origin = (request.headers.origin ?? '').slice(0, 200)
  return new GatewayError(
    'forbidden',
    `Pages of ${origin} may not use this server. Its operator can allow that with --origin ${origin}.`,
  )
}
