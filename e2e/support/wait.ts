import { setTimeout as delay } from 'node:timers/promises'

/** A test that waits for longer than this is stuck. */
const STUCK_MS = 120_000

/** For `fetch`: a connection that is kept for later would look like one that was left behind. */
export const NOT_KEPT = { headers: { connection: 'close' } }

/**
 * Asks until `question` gives something else than null, undefined or false: for what has no event to wait for, such as another
 * program's state over HTTP.
 */
export async function until<T>(
  what: string,
  question: () => Promise<T> | T,
  everyMs = 50,
  stuckMs = STUCK_MS,
): Promise<NonNullable<T>> {
  for (const deadline = Date.now() + stuckMs; Date.now() < deadline; await delay(everyMs)) {
    const answer = await question()
    if (answer !== null && answer !== undefined && answer !== false) return answer
  }
  throw new Error(`This did not happen: ${what}`)
}
