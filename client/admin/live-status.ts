import { createParser } from 'eventsource-parser'
import { backoff } from '../../shared/backoff.ts'
import type { Beat, Event as GatewayEvent, GatewayStatus } from '../api/gateway-api.ts'
import { messageOf } from '../api/problem.ts'

/** How it waits before it connects again. */
const RETRY = { minMs: 250, maxMs: 5_000 }

/** A connection that lasted so long was a success: the next failure starts with the first wait again. */
const SETTLED_MS = 5_000

/** A connection on which nothing comes for so long is dead: the status comes once a second. */
const SILENCE_MS = 6_000

/** Most beats of a broadcast and events that are shown. */
const MAX_BEATS = 300
const MAX_EVENTS = 100

/** How far the connection is. `refused`: the key is not taken. */
export type LiveState =
  | { kind: 'connecting' }
  | { kind: 'live' }
  | { kind: 'lost'; message: string }
  | { kind: 'refused'; message: string }

/**
 * Follows the status and the events of a gateway over server-sent events, which `EventSource` cannot do with a key. It connects again
 * by itself, and tells each change with a `change` event.
 */
export class LiveStatus extends EventTarget {
  state: LiveState = { kind: 'connecting' }
  status: GatewayStatus | null = null
  /** The latest first. */
  events: GatewayEvent[] = []
  readonly #beats = new Map<string, Beat[]>()
  readonly #server: string
  readonly #key: string
  readonly #closing = new AbortController()

  constructor(server: string, key: string) {
    super()
    this.#server = server
    this.#key = key
    void this.#keepConnected()
  }

  /** The last minutes of a broadcast, oldest first. */
  beatsOf(stream: string): Beat[] {
    return this.#beats.get(stream) ?? []
  }

  close(): void {
    this.#closing.abort()
  }

  async #keepConnected(): Promise<void> {
    for (let failures = 0; !this.#closing.signal.aborted; failures++) {
      const began = Date.now()
      const problem = await this.#connect().catch(() => null)
      if (this.state.kind === 'refused' || this.#closing.signal.aborted) return
      if (Date.now() - began > SETTLED_MS) failures = 0
      this.#become({ kind: 'lost', message: problem ?? messageOf(null) })
      await new Promise((resolve) => setTimeout(resolve, backoff(failures, RETRY)))
    }
  }

  /** Reads one connection to its end. Gives what the gateway said where it refused one, or null. */
  async #connect(): Promise<string | null> {
    const silence = new AbortController()
    const signal = AbortSignal.any([this.#closing.signal, silence.signal])
    const last = this.events[0]?.id
    const headers = {
      authorization: `Bearer ${this.#key}`,
      accept: 'text/event-stream',
      ...(last !== undefined && { 'last-event-id': String(last) }),
    }
    const answer = await fetch(`${this.#server}/api/events?status=true`, { headers, signal })
    if (answer.status === 401 || answer.status === 403) {
      this.#become({ kind: 'refused', message: messageOf(await answer.json()) })
      return null
    }
    if (!answer.ok || !answer.body) return messageOf(await answer.json())
    const parser = createParser({ onEvent: ({ event, data }) => this.#take(event, JSON.parse(data)) })
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader()
    this.#become({ kind: 'live' })
    for (;;) {
      const timer = setTimeout(() => silence.abort(), SILENCE_MS)
      try {
        const { done, value } = await reader.read()
        if (done) return null
        parser.feed(value)
      } finally {
        clearTimeout(timer)
      }
    }
  }

  #take(type: string | undefined, data: unknown): void {
    if (type === 'status') this.#takeStatus(data as GatewayStatus)
    else this.#takeEvent(data as GatewayEvent)
    this.dispatchEvent(new Event('change'))
  }

  #takeStatus(status: GatewayStatus): void {
    this.status = status
    const names = new Set(status.streams.map(({ name }) => name))
    for (const name of this.#beats.keys()) if (!names.has(name)) this.#beats.delete(name)
    for (const { name, beats } of status.streams) {
      const known = this.#beats.get(name) ?? []
      const latest = known.at(-1)?.at ?? 0
      this.#beats.set(name, [...known, ...beats.filter(({ at }) => at > latest)].slice(-MAX_BEATS))
    }
  }

  #takeEvent(event: GatewayEvent): void {
    // The clock of the gateway was set back.
    const isAnew = event.id <= (this.events[0]?.id ?? 0)
    this.events = [event, ...(isAnew ? [] : this.events)].slice(0, MAX_EVENTS)
  }

  #become(state: LiveState): void {
    this.state = state
    this.dispatchEvent(new Event('change'))
  }
}
