import { IngestError } from '../../shared/close-codes.ts'
import { Broadcast, type BroadcastEvents, type Source } from './broadcast.ts'

/** Knows every broadcast of this gateway by its name. */
export class Directory {
  readonly #broadcasts = new Map<string, Broadcast>()
  readonly #onLive: BroadcastEvents['onLive']
  #closing = false

  /** `onLive` is called when a broadcast has its first media: whoever wires the gateway adds outputs to it then. */
  constructor(onLive: BroadcastEvents['onLive']) {
    this.#onLive = onLive
  }

  /**
   * Takes a free name for a new broadcast.
   * @throws IngestError `name_taken`, or `unavailable` while the gateway ends
   */
  claim(name: string, source: Source): Broadcast {
    if (this.#closing) throw new IngestError('unavailable', 'This server is shutting down. Try again in a moment.')
    if (this.#broadcasts.has(name)) {
      throw new IngestError('name_taken', `Someone is broadcasting as "${name}" already. Choose another stream name.`)
    }
    const broadcast = new Broadcast(name, source, {
      onLive: this.#onLive,
      onClosed: (closed) => this.#broadcasts.delete(closed.name),
    })
    this.#broadcasts.set(name, broadcast)
    return broadcast
  }

  get(name: string): Broadcast | null {
    return this.#broadcasts.get(name) ?? null
  }

  all(): Broadcast[] {
    return [...this.#broadcasts.values()]
  }

  /** Takes no new broadcasts from now on: the gateway ends. */
  refuseNew(): void {
    this.#closing = true
  }

  /** Ends every broadcast and takes no new ones. */
  async close(): Promise<void> {
    this.refuseNew()
    await Promise.all(this.all().map((broadcast) => broadcast.end()))
  }
}
