import type { Broadcast } from '../broadcast/broadcast.ts'
import type { BusListener, Layout } from '../broadcast/listener.ts'
import type { BusTag } from '../flv/gop-cache.ts'
import { isFrameKind } from '../flv/tag.ts'
import { Batch } from './batch.ts'
import { Viewer, type ViewerConnection } from './viewer.ts'

/** Sends one broadcast to its viewers over FLV and RTMP. What comes in one turn of the event loop is put together once, for all of them. */
export class FanOut implements BusListener {
  readonly #broadcast: Broadcast
  readonly #viewers = new Set<Viewer>()
  #pending: BusTag[] = []
  #layout: Layout = { video: false, audio: false }

  constructor(broadcast: Broadcast) {
    this.#broadcast = broadcast
  }

  /** Adds a viewer: it gets the headers and the current group of pictures at once. It leaves when its socket closes. */
  add(connection: ViewerConnection): void {
    this.#flush()
    const { audience, carried } = this.#broadcast
    const viewer = new Viewer(connection, audience)
    const leave = audience.join(connection.way)
    this.#layout = carried
    this.#viewers.add(viewer)
    connection.socket.once('close', () => {
      this.#viewers.delete(viewer)
      leave()
    })
    viewer.begin(this.#broadcast.joining(), carried)
  }

  push(tag: BusTag, layout: Layout): void {
    if (layout.video !== this.#layout.video) this.#endThose((viewer) => !viewer.takesOtherTracks)
    this.#layout = layout
    if (this.#viewers.size === 0) return
    // A group of pictures begins a batch, so that it can be left out.
    const beginsGop = tag.kind !== 'interframe' && tag.kind !== 'audio'
    if (beginsGop && this.#pending.some(({ kind }) => isFrameKind(kind))) {
      this.#flush()
    }
    this.#pending.push(tag)
    if (this.#pending.length === 1) setImmediate(() => this.#flush())
  }

  end(): void {
    this.#endThose(() => true)
  }

  /** Where a picture comes or goes, a player of FLV waits for the tracks that the stream began with, so it has to begin anew. */
  #endThose(which: (viewer: Viewer) => boolean): void {
    this.#flush()
    for (const viewer of this.#viewers) {
      if (!which(viewer)) continue
      this.#viewers.delete(viewer)
      viewer.end()
    }
  }

  #flush(): void {
    if (this.#pending.length === 0) return
    const batch = new Batch(this.#pending, this.#layout.video)
    this.#pending = []
    const headers = () => this.#broadcast.headers()
    for (const viewer of this.#viewers) viewer.take(batch, headers)
  }
}
