/** How long a page may take to give a token. */
const TOKEN_MS = 10_000

/**
 * What lets a publisher in: a token, or a function that gives one, which is asked for each connection. It has 10 s; the signal is aborted when its
 * answer is not waited for any more.
 */
export type TokenSource = string | ((signal: AbortSignal) => string | Promise<string>)

/** What came of asking a page for a token. */
export type TokenAnswer =
  | { kind: 'given'; token: string }
  /** It gave none; `message` says why. */
  | { kind: 'refused'; message: string }
  /** It gave no answer in time, or is not waited for any more. */
  | { kind: 'late'; message: string }

/** Asks a page for a token, until `asking` is aborted. Never rejects. */
export async function askForToken(give: Exclude<TokenSource, string>, asking: AbortController): Promise<TokenAnswer> {
  const { signal } = asking
  const timer = setTimeout(() => asking.abort(), TOKEN_MS)
  const late = new Promise<TokenAnswer>((resolve) => {
    const message = `There is no token to broadcast with: the page gave none within ${TOKEN_MS / 1000} s.`
    signal.addEventListener('abort', () => resolve({ kind: 'late', message }), { once: true })
  })
  try {
    return await Promise.race([given(give, signal), late])
  } finally {
    clearTimeout(timer)
  }
}

async function given(give: Exclude<TokenSource, string>, signal: AbortSignal): Promise<TokenAnswer> {
  try {
    const token: unknown = await give(signal)
    if (typeof token === 'string') return { kind: 'given', token }
    return { kind: 'refused', message: 'There is no token to broadcast with: what the page gave is no text.' }
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    return { kind: 'refused', message: `There is no token to broadcast with: ${why}` }
  }
}
