/** What of a stream's playlists has to be remembered from one to the next. */
interface Remembered {
  /** EXT-X-MEDIA-SEQUENCE, and EXT-X-DISCONTINUITY-SEQUENCE, of the last one. */
  sequence: number
  discontinuities: number
  /** Numbers of the segments in it that have a discontinuity before them. */
  marked: number[]
  targetSeconds: number
}

/** Most streams that are remembered: the oldest go first. */
const MAX_STREAMS = 1_000

/**
 * Makes the playlists of nginx-rtmp legal. It writes no EXT-X-DISCONTINUITY-SEQUENCE, which players need when a discontinuity leaves the playlist, and a
 * target duration that changes with the segments that are in it (RFC 8216, 4.3.3.1, 4.3.3.3 and 6.2.2).
 */
export class LegalPlaylists {
  readonly #streams = new Map<string, Remembered>()

  /** The playlist of `stream`, which nginx wrote as `text`, as it should be. */
  legal(stream: string, text: string): string {
    const before = this.#streams.get(stream)
    const now = read(text)
    // nginx counts anew where a name was free for long: that is another stream.
    const known = before && before.sequence <= now.sequence ? before : null
    const left = known?.marked.filter((number) => number < now.sequence).length ?? 0
    const remembered = {
      ...now,
      discontinuities: (known?.discontinuities ?? 0) + left,
      targetSeconds: Math.max(known?.targetSeconds ?? 0, now.targetSeconds),
    }
    this.#streams.delete(stream)
    this.#streams.set(stream, remembered)
    const [oldest] = this.#streams.keys()
    if (this.#streams.size > MAX_STREAMS && oldest !== undefined) this.#streams.delete(oldest)
    return text
      .replace(/^#EXT-X-TARGETDURATION:.*$/m, `#EXT-X-TARGETDURATION:${remembered.targetSeconds}`)
      .replace(
        /^#EXT-X-MEDIA-SEQUENCE:.*$/m,
        (line) => `${line}\n#EXT-X-DISCONTINUITY-SEQUENCE:${remembered.discontinuities}`,
      )
  }
}

function read(text: string): Pick<Remembered, 'sequence' | 'marked' | 'targetSeconds'> {
  const sequence = Number(/^#EXT-X-MEDIA-SEQUENCE:(\d+)/m.exec(text)?.[1] ?? 0)
  let targetSeconds = Number(/^#EXT-X-TARGETDURATION:(\d+)/m.exec(text)?.[1] ?? 1)
  const marked: number[] = []
  let number = sequence
  for (const line of text.split('\n')) {
    if (line === '#EXT-X-DISCONTINUITY') marked.push(number)
    targetSeconds = Math.max(targetSeconds, Math.round(Number(/^#EXTINF:([\d.]+)/.exec(line)?.[1] ?? 0)))
    if (line !== '' && !line.startsWith('#')) number++
  }
  return { sequence, marked, targetSeconds }
}
