import { GatewayError } from '../../shared/errors.ts'
import { Broadcast, type BroadcastEvents, type Source } from './broadcast.ts'

/** Knows every broadcast of this gateway by its name. */
export class Directory {
  readonly #broadcasts = new Map<string, Broadcast>()
  readonly #listeners: { [Name in keyof BroadcastEvents]: Set<BroadcastEvents[Name]> } = {
    live: new Set(),
    presence: new Set(),
    sound: new Set(),
    picture: new Set(),
    fault: new Set(),
    closed: new Set(),
  }
  #closing = false

  /** Calls `listener` at each event of this name, of any broadcast; returns a function that ends that. */
  on<Name extends keyof BroadcastEvents>(name: Name, listener: BroadcastEvents[Name]): () => void {
    this.#listeners[name].add(listener)
    return () => this.#listeners[name].delete(listener)
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
    const { live, presence, sound, picture, fault, closed } = this.#listeners
    const broadcast: Broadcast = new Broadcast(name, source, {
      live: (one) => each(live, (listener) => listener(one)),
      presence: (one) => each(presence, (listener) => listener(one)),
      sound: (one, isFilled) => each(sound, (listener) => listener(one, isFilled)),
      picture: (one, isStill) => each(picture, (listener) => listener(one, isStill)),
      fault: (one, error) => each(fault, (listener) => listener(one, error)),
      closed: (one) => {
        this.#broadcasts.delete(one.name)
        each(closed, (listener) => listener(one))
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

function each<Listener>(listeners: ReadonlySet<Listener>, call: (listener: Listener) => void): void {
  for (const listener of listeners) call(listener)
}
