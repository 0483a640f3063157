/** Most tokens that are denied at a time. */
const MAX_DENIED = 100_000

/** Longest time that `setTimeout` takes, in ms. */
const MAX_TIMER_MS = 2 ** 31 - 1

/** How long a token is denied whose end is not known, in ms: longer than any that is made here. */
const DENIED_MS = 400 * 24 * 3600 * 1000

/** Why a token is no longer good. */
export type Over = 'expired' | 'revoked'

/** The tokens that are denied although they have not expired, and who wants to know when one is over. In memory, bounded. */
export class Revocations {
  /** Until when each is denied, as `Date.now()`. */
  readonly #denied = new Map<string, number>()
  readonly #waiting = new Map<string, Set<() => void>>()

  isDenied(id: string): boolean {
    return (this.#denied.get(id) ?? 0) > Date.now()
  }

  /**
   * Denies a token until it expires (`expiresAt`, as `Date.now()`), or for 400 days where that is not known.
   * @throws Error where too many are denied already
   */
  deny(id: string, expiresAt: number | null): void {
    const now = Date.now()
    for (const [other, until] of this.#denied) if (until <= now) this.#denied.delete(other)
    if (this.#denied.size >= MAX_DENIED) throw new Error(`More than ${MAX_DENIED} tokens are denied.`)
    this.#denied.set(id, Math.max(this.#denied.get(id) ?? 0, expiresAt ?? now + DENIED_MS))
    for (const tell of [...(this.#waiting.get(id) ?? [])]) tell()
  }

  /** Calls `onOver` once, when the token expires or is denied, and never at once; the function that it gives stops waiting. */
  whenOver(id: string, expiresAt: number | null, onOver: (why: Over) => void): () => void {
    const waiting = this.#waiting.get(id) ?? new Set()
    this.#waiting.set(id, waiting)
    const revoked = () => settle('revoked')
    waiting.add(revoked)
    let timer: NodeJS.Timeout | undefined
    const waitForEnd = () => {
      if (expiresAt === null) return
      const left = expiresAt - Date.now()
      const next = left > MAX_TIMER_MS ? waitForEnd : () => settle('expired')
      timer = setTimeout(next, Math.min(Math.max(0, left), MAX_TIMER_MS)).unref()
    }
    const stop = () => {
      clearTimeout(timer)
      waiting.delete(revoked)
      if (waiting.size === 0 && this.#waiting.get(id) === waiting) this.#waiting.delete(id)
    }
    const settle = (why: Over) => {
      stop()
      onOver(why)
    }
    waitForEnd()
    return stop
  }
}
