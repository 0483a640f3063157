import type { Duplex } from 'node:stream'
import type { Audience, ConnectedWay } from '../broadcast/audience.ts'
import type { Layout } from '../broadcast/listener.ts'
import type { BusTag } from '../flv/gop-cache.ts'
import type { Batch } from './batch.ts'

/** What a viewer may always be behind, in bytes: about 3 s of a 2.5 Mbit/s stream. Above, a group of pictures counts. */
const ALLOWED_BACKLOG_BYTES = 1024 * 1024

/** Most that waits for one viewer, in bytes: groups of pictures larger than this are cut off. */
const MAX_BACKLOG_BYTES = 8 * 1024 * 1024

/** A viewer that has been too slow for so long, without a break, is closed. */
const MAX_SKIPPING_MS = 10_000

/** How a viewer's bytes go out, and how its connection ends. */
export interface ViewerConnection {
  way: ConnectedWay
  /** Where the bytes go: what the kernel does not take waits there. */
  socket: Duplex
  /** The batch as this viewer gets it. All viewers of a way share the same bytes. */
  bytesOf(batch: Batch): Buffer
  /** The pieces of what a stream begins with, with `layout`, or goes on with, without. The tags are shared with other viewers, and not to be copied. */
  opening(tags: readonly BusTag[], layout: Layout | null): Buffer[]
  /** Whether it goes on where a picture comes or goes. */
  takesOtherTracks: boolean
  /** Whether it wants nothing at the moment. */
  isPaused(): boolean
  /** Ends the connection after what was written. */
  end(): void
}

/** One viewer over FLV or RTMP. One who is too slow for a group of pictures loses the next one whole, and in the end the connection. */
export class Viewer {
  readonly #connection: ViewerConnection
  readonly #audience: Audience
  /** Bytes written since the last keyframe. */
  #sinceKeyframe = 0
  /** Since when nothing was written because too much waits, in ms of the monotonic clock; null while all is well. */
  #skippingSince: number | null = null
  #wasPaused = false

  constructor(connection: ViewerConnection, audience: Audience) {
    this.#connection = connection
    this.#audience = audience
  }

  get takesOtherTracks(): boolean {
    return this.#connection.takesOtherTracks
  }

  /** Writes what a stream begins with, or goes on with, where `layout` is null. */
  begin(tags: readonly BusTag[], layout: Layout | null): void {
    const { socket } = this.#connection
    const pieces = this.#connection.opening(tags, layout)
    const length = pieces.reduce((sum, piece) => sum + piece.length, 0)
    if (length === 0) return
    socket.cork()
    for (const piece of pieces) socket.write(piece)
    socket.uncork()
    this.#sinceKeyframe += length
    this.#audience.sent(length)
  }

  /** Takes what came next. `headers` are needed to go on after a group that was left out. */
  take(batch: Batch, headers: () => BusTag[]): void {
    const { socket } = this.#connection
    if (this.#connection.isPaused()) {
      this.#wasPaused = true
      return
    }
    const waiting = socket.writableLength
    const tooSlow = batch.isEntry && waiting > Math.max(this.#sinceKeyframe, ALLOWED_BACKLOG_BYTES)
    if (this.#wasPaused) {
      if (!batch.isEntry) return
      this.#wasPaused = false
      this.begin(headers(), null)
    } else if (this.#skippingSince !== null) {
      if (performance.now() - this.#skippingSince > MAX_SKIPPING_MS) return this.#close()
      if (!batch.isEntry) return
      if (tooSlow) return this.#audience.skippedGop()
      this.#skippingSince = null
      this.begin(headers(), null)
    } else if (tooSlow || waiting > MAX_BACKLOG_BYTES) {
      this.#skippingSince = performance.now()
      return this.#audience.skippedGop()
    }
    if (batch.isEntry) this.#sinceKeyframe = 0
    const bytes = this.#connection.bytesOf(batch)
    this.#sinceKeyframe += bytes.length
    this.#audience.sent(bytes.length)
    socket.write(bytes)
  }

  /** The broadcast is over. */
  end(): void {
    this.#connection.end()
  }

  #close(): void {
    this.#audience.closedAsTooSlow()
    this.#connection.socket.destroy()
  }
}
