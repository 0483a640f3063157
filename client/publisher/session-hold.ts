/** How long a page that was reloaded waits for the one before it to go. */
const LOCK_MS = 2_000

/** Says to copies of a tab that a session is in use (Web Locks): while a page holds it, no other gets it. */
export class SessionHold {
  #held: { session: string; release: (() => void) | null } | null = null

  /** Takes a session that another page may have; whether it is this page's then. Where the browser has no locks, it is not. */
  async take(session: string): Promise<boolean> {
    const release = await lock(session)
    if (release === null) return false
    this.hold(null)
    this.#held = { session, release }
    return true
  }

  /** Holds the session that this page has, or null for none any more. */
  hold(session: string | null): void {
    if (session === (this.#held?.session ?? null)) return
    this.#held?.release?.()
    this.#held = session === null ? null : { session, release: null }
    const held = this.#held
    if (!held) return
    void lock(held.session).then((release) => {
      if (this.#held === held) held.release = release
      else release?.()
    })
  }
}

/** What gives it back, or null where another page has it. A page that goes gives it back by itself. */
function lock(session: string): Promise<(() => void) | null> {
  if (!('locks' in navigator)) return Promise.resolve(null)
  return new Promise((resolve) => {
    const signal = AbortSignal.timeout(LOCK_MS)
    const held = () => new Promise<void>((release) => resolve(release))
    void navigator.locks.request(`castgate.broadcast.${session}`, { signal }, held).catch(() => resolve(null))
  })
}
