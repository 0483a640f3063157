/** Of the six connections of HTTP/1.1 that browsers open to one server from all of their tabs, so many may be held by players. */
const SLOTS = 3

/** What this page holds, where the browser has no Web Locks (pages without https). */
const held = new Set<string>()

/**
 * Takes one of the connections to `server` that may be held for long, until `signal` is aborted. More of them, and everything else that is
 * asked of that server would wait for as long.
 * @returns false where none is left
 */
export async function takeHttpSlot(server: string, signal: AbortSignal): Promise<boolean> {
  for (let slot = 0; slot < SLOTS; slot++) {
    if (await taken(`castgate-http ${server} ${slot}`, signal)) return true
  }
  return false
}

function taken(name: string, signal: AbortSignal): Promise<boolean> {
  const released = new Promise<void>((resolve) => {
    if (signal.aborted) resolve()
    signal.addEventListener('abort', () => resolve(), { once: true })
  })
  // The types promise it; pages without https do not have it.
  const locks: LockManager | undefined = globalThis.navigator?.locks
  if (!locks) {
    if (held.has(name)) return Promise.resolve(false)
    held.add(name)
    void released.then(() => held.delete(name))
    return Promise.resolve(true)
  }
  return new Promise((resolve) => {
    locks
      .request(name, { ifAvailable: true }, (lock) => {
        resolve(lock !== null)
        return lock ? released : undefined
      })
      // A page that may have no locks, as in a frame without storage, is alone with its connections.
      .catch(() => resolve(true))
  })
}
