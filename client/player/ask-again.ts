/** How often the gateway is asked whether a stream has begun or gone on, and how it is while it plays, in ms. */
export const ASK_MS = 1_000
/** The longest pause between two questions of a player that waits: a thousand of them behind one address ask less than its limit allows. */
const MAX_ASK_MS = 15_000

/** When to ask again after `waitedMs`: each second at first, and then with a tenth of that, so that a crowd who waits is not limited. */
export function askAgainMs(waitedMs: number, random = Math.random()): number {
  return Math.min(MAX_ASK_MS, Math.max(ASK_MS, waitedMs / 10)) * (0.75 + random / 2)
}
