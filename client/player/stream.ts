import { parseStreamStatus, type StreamStatus } from '../../shared/status.ts'

/** What a gateway says of a stream: it is there, it is not, or the gateway cannot be reached. */
export type StreamAnswer = { kind: 'there'; stream: StreamStatus } | { kind: 'absent' } | { kind: 'unreachable' }

/** How long a gateway may take to answer, in ms: a browser opens few connections to one, and players may have them all. */
const ANSWER_MS = 4_000

/** Asks the gateway at `server` for the stream `name`. */
export async function askForStream(server: string, name: string, signal: AbortSignal): Promise<StreamAnswer> {
  const asking = new AbortController()
  const giveUp = () => asking.abort()
  const timer = setTimeout(giveUp, ANSWER_MS)
  signal.addEventListener('abort', giveUp)
  try {
    const answer = await fetch(`${server}/api/streams/${encodeURIComponent(name)}`, { signal: asking.signal })
    if (answer.status === 404) return { kind: 'absent' }
    const stream = answer.ok ? parseStreamStatus(await answer.json()) : null
    return stream ? { kind: 'there', stream } : { kind: 'unreachable' }
  } catch {
    return { kind: 'unreachable' }
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', giveUp)
  }
}

/** Where a stream is played from: the gateway's base, without a slash at its end, and the stream's name. */
export interface StreamAddress {
  server: string
  name: string
}

/** Reads the address of a watch page, `https://gateway/watch/NAME`; null where it is none. */
export function readWatchAddress(url: string, base: string): StreamAddress | null {
  if (!URL.canParse(url, base)) return null
  const { origin, pathname } = new URL(url, base)
  const [, before, name] = /^(.*)\/watch\/([A-Za-z0-9_-]{1,64})\/?$/.exec(pathname) ?? []
  return before === undefined || name === undefined ? null : { server: origin + before, name }
}

/** The base of the gateway that a script was loaded from: it is at the root, or in `assets`. */
export function serverOfScript(url: string): string {
  return url.replace(/\/(assets\/)?[^/]*$/, '')
}
