import type { ViewerStatus } from '../../shared/status.ts'

/** How long someone who asked for a playlist counts as watching: players ask again after a segment, or half of one. */
const WATCHING_MS = 10_000

/** Most people told apart for each kind of playlist. Above, newcomers are not counted until others have gone. */
const MAX_KNOWN = 20_000

/** Ways to watch that hold a connection. */
export type ConnectedWay = 'flv' | 'flvWebSocket' | 'rtmp' | 'whep'

/** Ways to watch in which players ask for playlists. */
export type AskingWay = 'hls' | 'llHls'

/** Counts who watches a broadcast, by the way in which they do. */
export class Audience {
  readonly #connected: Record<ConnectedWay, number> = { flv: 0, flvWebSocket: 0, rtmp: 0, whep: 0 }
  /** When someone asked last, in ms of the monotonic clock, in the order of asking. */
  readonly #asked: Record<AskingWay, Map<string, number>> = { hls: new Map(), llHls: new Map() }
  #skippedGops = 0
  #closedAsTooSlow = 0
  #sentBytes = 0

  /** Counts someone who is connected, until the function that it gives is called. */
  join(way: ConnectedWay): () => void {
    this.#connected[way]++
    return () => {
      this.#connected[way]--
    }
  }

  /** Counts someone who asked for a playlist; `who` tells them from others. */
  asked(way: AskingWay, who: string, now = performance.now()): void {
    const known = this.#asked[way]
    this.#forget(known, now)
    // Taken out first, so that the map stays in the order of asking.
    known.delete(who)
    if (known.size < MAX_KNOWN) known.set(who, now)
  }

  /** Media went out to someone who watches. */
  sent(bytes: number): void {
    this.#sentBytes += bytes
  }

  /** Bytes that went out to all who watched. What nginx hands out itself is not seen. */
  get sentBytes(): number {
    return this.#sentBytes
  }

  /** A viewer was too slow for a group of pictures. */
  skippedGop(): void {
    this.#skippedGops++
  }

  /** A viewer was too slow for too long. */
  closedAsTooSlow(): void {
    this.#closedAsTooSlow++
  }

  status(now = performance.now()): ViewerStatus {
    for (const known of Object.values(this.#asked)) this.#forget(known, now)
    return {
      ...this.#connected,
      hls: this.#asked.hls.size,
      llHls: this.#asked.llHls.size,
      skippedGops: this.#skippedGops,
      closedAsTooSlow: this.#closedAsTooSlow,
    }
  }

  #forget(known: Map<string, number>, now: number): void {
    for (const [who, at] of known) {
      if (now - at <= WATCHING_MS) return
      known.delete(who)
    }
  }
}
