import type { IncomingMessage } from 'node:http'
import { baseOf, isForwarded } from './request.ts'

/** Whose pages may use the gateway. */
export interface OriginRules {
  /** Origins such as `https://site.example`, or `*`; empty where the operator named none. */
  allowed: readonly string[]
  publicUrl: string | null
}

/** Says which pages may publish, play and frame. Programs that are no browsers send no origin, and are held to their tokens alone. */
export class Origins {
  readonly #allowed: ReadonlySet<string>
  readonly #publicUrl: string | null
  readonly #isAny: boolean

  constructor({ allowed, publicUrl }: OriginRules) {
    this.#allowed = new Set(allowed)
    this.#publicUrl = publicUrl
    this.#isAny = this.#allowed.has('*')
  }

  /** What the operator named. */
  get named(): readonly string[] {
    return [...this.#allowed]
  }

  /** Whether a page of this request's origin may publish: the gateway's own, and those that are allowed. */
  mayPublish(request: IncomingMessage): boolean {
    const { origin } = request.headers
    return origin === undefined || this.#isAny || this.#allowed.has(origin) || this.#isOwn(request, origin)
  }

  /**
   * Whether a request names this machine, or a proxy brought it. A page elsewhere may give its own name the address of this machine
   * (DNS rebinding): where no token is needed, its name must not be taken for ours.
   */
  namesUs(request: IncomingMessage): boolean {
    const host = request.headers.host ?? ''
    if (isForwarded(request) || /^(localhost|127(\.\d+){3}|\[::1\])(:\d+)?$/i.test(host)) return true
    return this.#publicUrl !== null && new URL(this.#publicUrl).host === host
  }

  /** Whether a stranger may have made the host of a request point at this machine. A name of one label is in no DNS but the user's own. */
  mayBeRebound(request: IncomingMessage): boolean {
    const host = request.headers.host ?? ''
    return /[.:]/.test(host.replace(/:\d+$/, '')) && !this.namesUs(request)
  }

  /** Whether it may read streams: any, where the operator named none. */
  mayPlay(request: IncomingMessage): boolean {
    return this.#allowed.size === 0 || this.mayPublish(request)
  }

  /** The headers that let the page of this request read the answer (Fetch, 3.3: CORS protocol). */
  corsOf(request: IncomingMessage): Record<string, string> {
    if (this.#allowed.size === 0 || this.#isAny) return { 'access-control-allow-origin': '*' }
    const { origin } = request.headers
    if (origin === undefined || !this.mayPlay(request)) return { vary: 'Origin' }
    return { 'access-control-allow-origin': origin, vary: 'Origin' }
  }

  /** `frame-ancestors` of the pages that are made to be framed (CSP 3, 6.4.2). Playing is open to all where no origin was named. */
  frameAncestors(what: 'publish' | 'play'): string {
    if (this.#isAny || (what === 'play' && this.#allowed.size === 0)) return '*'
    return ["'self'", ...this.#allowed].join(' ')
  }

  #isOwn(request: IncomingMessage, origin: string): boolean {
    if (this.#publicUrl !== null && new URL(this.#publicUrl).origin === origin) return true
    return baseOf(request, null, '') === origin
  }
}
