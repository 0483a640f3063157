import { createHmac, randomBytes } from 'node:crypto'
import { isSame } from '../process/secret.ts'

/** How long a link is good at least, in s: a film and a break. */
const GOOD_SECONDS = 6 * 3600

/** Links that are made within so many s are the same, so that browsers have what is behind them already. */
const STEP_SECONDS = 3600

/**
 * Makes links that carry their own permission, for players and downloads, which send no headers. They are good for a while, and only for
 * as long as the gateway runs.
 */
export class SignedLinks {
  readonly #key = randomBytes(32)

  /** The query that lets its bearer have `path`. */
  queryFor(path: string, now = Date.now()): string {
    const expires = Math.ceil((now / 1000 + GOOD_SECONDS) / STEP_SECONDS) * STEP_SECONDS
    return `expires=${expires}&signature=${this.#signature(path, expires)}`
  }

  /** Whether a query allows `path` now. */
  allows(path: string, { expires, signature }: Record<string, unknown>, now = Date.now()): boolean {
    if (typeof expires !== 'string' || typeof signature !== 'string' || !/^\d{1,12}$/.test(expires)) return false
    return Number(expires) * 1000 > now && isSame(signature, this.#signature(path, Number(expires)))
  }

  #signature(path: string, expires: number): string {
    return createHmac('sha256', this.#key).update(`${path}\n${expires}`).digest('base64url')
  }
}
