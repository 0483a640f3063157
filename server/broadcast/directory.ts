import { GatewayError } from '../../shared/errors.ts'
import { Broadcast, type BroadcastEvents, type Source } from './broadcast.ts'

/** Knows every broadcast of this gateway by its name. */
export class Directory {
  readonly #broadcasts = new Map<string, Broadcast>()
  readonly #events: BroadcastEvents
  #closing = false

  /** Outputs are added to a broadcast when it is live (`onLive`), by whoever wires the gateway. */
  constructor(events: BroadcastEvents) {
    this.#events = events
  }

  /**
   * Takes a free name for a new broadcast.
   * @throws GatewayError `name_taken`, or `unavailable` while the gateway ends
   */
  claim(name: string, source: Source): Broadcast {
    if (this.#closing) throw new GatewayError('unavailable', 'This server is shutting down. Try again in a moment.')
    if (this.#broadcasts.has(name)) {
      throw new GatewayError('name_taken', `Someone is broadcasting as "${name}" already. Choose another stream name.`)
    }
    const broadcast = new Broadcast(name, source, {
      ...this.#events,
      onClosed: (closed) => {
        this.#broadcasts.delete(closed.name)
        this.#events.onClosed(closed)
      },
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
