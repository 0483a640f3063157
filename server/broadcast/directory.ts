import { GatewayError } from '../../shared/errors.ts'
import { Broadcast, type Source } from './broadcast.ts'

/** What a directory reports of its broadcasts, by the name of the event. */
export interface DirectoryEvents {
  /** The first media arrived: outputs may join. */
  live(broadcast: Broadcast): void
  /** Its source has disconnected, or is back. */
  presence(broadcast: Broadcast): void
  /** Silence stands in for sound that is missing, or the sound is back. */
  sound(broadcast: Broadcast, isFilled: boolean): void
  /** A listener failed at a tag, or at the end: it gets nothing more, and the rest goes on. */
  fault(broadcast: Broadcast, error: unknown): void
  /** The last output is closed: the name is free again. */
  closed(broadcast: Broadcast): void
}

/** Knows every broadcast of this gateway by its name. */
export class Directory {
  readonly #broadcasts = new Map<string, Broadcast>()
  readonly #listeners: { [Name in keyof DirectoryEvents]: Set<DirectoryEvents[Name]> } = {
    live: new Set(),
    presence: new Set(),
    sound: new Set(),
    fault: new Set(),
    closed: new Set(),
  }
  #closing = false

  /** Calls `listener` at each event of this name, of any broadcast; returns a function that ends that. */
  on<Name extends keyof DirectoryEvents>(name: Name, listener: DirectoryEvents[Name]): () => void {
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
    const { live, presence, sound, fault, closed } = this.#listeners
    const broadcast: Broadcast = new Broadcast(name, source, {
      onLive: (one) => each(live, (listener) => listener(one)),
      onPresence: (one) => each(presence, (listener) => listener(one)),
      onSound: (one, isFilled) => each(sound, (listener) => listener(one, isFilled)),
      onFault: (one, error) => each(fault, (listener) => listener(one, error)),
      onClosed: (one) => {
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
