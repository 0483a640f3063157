import { parseStreamStatus, type StreamStatus } from '../../shared/status.ts'

/** What a gateway says of a stream: it is there, it is not, this viewer may not watch it, or the gateway cannot be reached. */
export type StreamAnswer =
  | { kind: 'there'; stream: StreamStatus }
  | { kind: 'absent' }
  | { kind: 'refused' }
  | { kind: 'unreachable' }

/** How long a gateway may take to answer, in ms: a browser opens few connections to one, and players may have them all. */
const ANSWER_MS = 4_000

/** Asks the gateway for a stream. */
export async function askForStream({ server, name, token }: StreamAddress, signal: AbortSignal): Promise<StreamAnswer> {
  const asking = new AbortController()
  const giveUp = () => asking.abort()
  const timer = setTimeout(giveUp, ANSWER_MS)
  signal.addEventListener('abort', giveUp)
  try {
    const answer = await fetch(withToken(`${server}/api/streams/${encodeURIComponent(name)}`, token), {
      signal: asking.signal,
    })
    if (answer.status === 404) return { kind: 'absent' }
    if (answer.status === 401 || answer.status === 403) return { kind: 'refused' }
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
  /** Where watching needs one; null where there is none. */
  token: string | null
}

/** `url` with a token in its query: players take nothing but a link. */
export function withToken(url: string, token: string | null): string {
  return token === null ? url : `${url}${url.includes('?') ? '&' : '?'}token=${encodeURIComponent(token)}`
}

/** Reads the address of a watch page, `https://gateway/watch/NAME`, with the token in its query if any; null where it is none. */
export function readWatchAddress(url: string, base: string): StreamAddress | null {
  if (!URL.canParse(url, base)) return null
  const { origin, pathname, searchParams } = new URL(url, base)
  const [, before, name] = /^(.*)\/watch\/([A-Za-z0-9_-]{1,64})\/?$/.exec(pathname) ?? []
  if (before === undefined || name === undefined) return null
  return { server: origin + before, name, token: searchParams.get('token') }
}
