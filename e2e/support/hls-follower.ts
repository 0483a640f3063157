import { HlsChecker, type Playlist } from './hls-checker.ts'
import { NOT_KEPT, until } from './wait.ts'

/** What following a stream gave. */
export interface Followed {
  checker: HlsChecker
  last: Playlist
  /** Discontinuities that were seen. */
  discontinuities: number
  /** Seconds of all parts. */
  seconds: number
}

/**
 * Follows low-latency HLS by blocking reloads, as players do, fetches and checks each part, until the stream ends. `datesFit`: whether what comes does so in
 * its time, so that no date may be ahead of the clock.
 */
export async function followHls(url: string, datesFit = true): Promise<Followed> {
  const checker = new HlsChecker()
  const seen = new Set<string>()
  const marked = new Set<number>()
  let seconds = 0
  const complete = new Set<number>()
  const get = async (uri: string) => {
    const answer = await fetch(new URL(uri, url), NOT_KEPT)
    if (!answer.ok) throw new Error(`${uri} gives ${answer.status}.`)
    return Buffer.from(await answer.arrayBuffer())
  }
  let last = await until('there is a playlist', async () => {
    const answer = await fetch(url, NOT_KEPT)
    return answer.ok ? checker.playlist(await answer.text(), datesFit ? Date.now() : null) : null
  })
  for (;;) {
    for (const segment of last.segments) {
      // Of what comes all at once the parts are not listed any more.
      if (segment.whole && segment.parts.length === 0 && !complete.has(segment.number)) checker.missed()
      if (segment.whole) complete.add(segment.number)
      if (segment.discontinuity) marked.add(segment.number)
      for (const part of segment.parts) {
        if (seen.has(part.uri)) continue
        seen.add(part.uri)
        seconds += part.seconds
        await checker.media(segment, part, await get(part.uri), get)
      }
    }
    if (last.ended) return { checker, last, discontinuities: marked.size, seconds }
    const open = last.segments.at(-1)
    const next = open && !open.whole ? [open.number, open.parts.length] : [(open?.number ?? 0) + 1, 0]
    last = await until('the playlist goes on', async () => {
      const answer = await fetch(`${url}?_HLS_msn=${next[0]}&_HLS_part=${next[1]}`, NOT_KEPT)
      const text = await answer.text()
      // Nothing new has come yet.
      if (answer.status === 503) return null
      if (!answer.ok) throw new Error(`The playlist gives ${answer.status}: ${text}`)
      return checker.playlist(text, datesFit ? Date.now() : null)
    })
  }
}
