import { setTimeout as delay } from 'node:timers/promises'

/** Waits for `what`, but no longer than `ms`. */
export async function atMost(ms: number, what: Promise<unknown>): Promise<void> {
  const patience = new AbortController()
  try {
    await Promise.race([what, delay(ms, undefined, patience).catch(() => {})])
  } finally {
    patience.abort()
  }
}
