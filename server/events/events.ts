/** What happens in a gateway that people and programs want to be told. */
export const EVENT_TYPES = [
  'stream.started',
  'stream.waiting',
  'stream.resumed',
  'stream.ended',
  'encoder.refused',
  'target.live',
  'target.failed',
  'recording.started',
  'recording.stopped',
  'recording.ready',
  'recording.uploaded',
  'recording.failed',
] as const

export type EventType = (typeof EVENT_TYPES)[number]

/** One thing that happened. */
export interface GatewayEvent {
  /** Grows with each event, also when the gateway is started anew. */
  id: number
  type: EventType
  /** ISO 8601, UTC. */
  at: string
  /** The stream that it is about; '' for none. */
  stream: string
  /** The id of its broadcast, as in the log and in recordings; '' for none. */
  broadcast: string
  /** For people. */
  message: string
  /** What else is known: the target or the recording that it is about. */
  data: Record<string, string | number | null>
}

/** Most events that are kept for those who come later. */
const MAX_KEPT = 500

/** Tells what happens, and remembers the latest of it. */
export class Events {
  readonly #kept: GatewayEvent[] = []
  readonly #listeners = new Set<(event: GatewayEvent) => void>()
  /** Begins where no gateway that ran before has come to: none tells a thousand events a second all the time. */
  #last = Date.now()

  emit(
    type: EventType,
    { stream, broadcast }: Pick<GatewayEvent, 'stream' | 'broadcast'>,
    message: string,
    data: GatewayEvent['data'] = {},
  ): void {
    const at = new Date().toISOString()
    const event: GatewayEvent = { id: ++this.#last, type, at, stream, broadcast, message, data }
    this.#kept.push(event)
    if (this.#kept.length > MAX_KEPT) this.#kept.shift()
    for (const listener of this.#listeners) listener(event)
  }

  /** Those that are kept and came after the one with the number `id`, oldest first. */
  after(id: number): GatewayEvent[] {
    // A number that is yet to come is of a time before the clock was set back.
    return this.#kept.filter((event) => event.id > id || id > this.#last)
  }

  /** Calls `listener` at each event, until the function that it gives is called. */
  listen(listener: (event: GatewayEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => {
      this.#listeners.delete(listener)
    }
  }
}
