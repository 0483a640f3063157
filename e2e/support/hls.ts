import { NOT_KEPT, until } from './wait.ts'

/** What was collected of an HLS stream. */
export interface Collected {
  /** All segments, one after the other. */
  bytes: Buffer
  segments: Buffer[]
  /** Seconds of each segment, as the playlist says. */
  durations: number[]
}

/** Follows a live playlist as a player does, and keeps every segment, until `stop` says that it has all. */
export class HlsCollector {
  readonly #url: string
  readonly #segments = new Map<string, { bytes: Buffer; seconds: number }>()

  constructor(url: string) {
    this.#url = url
  }

  /** Fetches the segments that are new; whether the playlist is there. */
  async poll(): Promise<boolean> {
    const answer = await fetch(this.#url, NOT_KEPT)
    if (!answer.ok) return false
    const lines = (await answer.text()).split('\n')
    for (const [index, line] of lines.entries()) {
      if (line === '' || line.startsWith('#') || this.#segments.has(line)) continue
      const seconds = Number(
        /#EXTINF:([\d.]+)/.exec(lines.slice(0, index).findLast((tag) => tag.startsWith('#EXTINF')) ?? '')?.[1],
      )
      const segment = await fetch(new URL(line, this.#url), NOT_KEPT)
      if (!segment.ok) throw new Error(`The playlist names ${line}, which gives ${segment.status}.`)
      this.#segments.set(line, { bytes: Buffer.from(await segment.arrayBuffer()), seconds })
    }
    return true
  }

  /** Follows the playlist until `done` resolves, and then until nothing new comes. */
  async collectUntil(done: Promise<unknown>): Promise<Collected> {
    let finished = false
    const end = done.finally(() => {
      finished = true
    })
    end.catch(() => {})
    await until(
      'the broadcast is over',
      async () => {
        await this.poll()
        return finished
      },
      250,
      // The test's own time limit ends what is stuck.
      Number.POSITIVE_INFINITY,
    )
    await end
    await until(
      'the last segment is there',
      async () => {
        const before = this.#segments.size
        await this.poll()
        return this.#segments.size > 0 && this.#segments.size === before
      },
      500,
    )
    return this.collected()
  }

  collected(): Collected {
    const all = [...this.#segments.values()]
    return {
      bytes: Buffer.concat(all.map((segment) => segment.bytes)),
      segments: all.map((segment) => segment.bytes),
      durations: all.map((segment) => segment.seconds),
    }
  }
}
