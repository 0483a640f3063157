import { PING_INTERVAL_MS, SUBPROTOCOL } from '../../shared/limits.ts'
import { parseServerMessage, type ServerMessage } from '../../shared/messages.ts'
import type { Frame } from '../../shared/sender.ts'

/** Bytes that a socket may hold before no more are given to it: what it holds cannot be taken back after a cut. */
const SOCKET_BUFFER_BYTES = 256 * 1024
/** Silence after which the server counts as gone; it answers pings. */
const SILENCE_MS = 2 * PING_INTERVAL_MS + 1_000

/** What a connection tells. After `onLost`, or `close()`, nothing more. */
export interface ConnectionEvents {
  onOpen(): void
  onMessage(message: ServerMessage): void
  /** It is gone: with a close code, or null where the server fell silent. */
  onLost(closeCode: number | null): void
}

/**
 * One socket to the server, with signs of life. Times are of the wall clock: it goes on while the computer sleeps, which
 * `performance.now()` does not on every system (High Resolution Time, 4.1).
 */
export class Connection {
  readonly #socket: WebSocket
  readonly #events: ConnectionEvents
  #heardAt = Date.now()
  #pingedAt = Date.now()
  #over = false

  constructor(url: string, events: ConnectionEvents) {
    this.#events = events
    this.#socket = new WebSocket(url, SUBPROTOCOL)
    this.#socket.addEventListener('open', () => {
      if (!this.#over) events.onOpen()
    })
    this.#socket.addEventListener('message', ({ data }: MessageEvent<unknown>) => {
      if (this.#over) return
      this.#heardAt = Date.now()
      const message = typeof data === 'string' ? parseServerMessage(data) : null
      if (message) events.onMessage(message)
    })
    this.#socket.addEventListener('close', ({ code }) => this.#lose(code))
  }

  /** Whether it takes another frame now. */
  get hasRoom(): boolean {
    return this.#socket.readyState === WebSocket.OPEN && this.#socket.bufferedAmount < SOCKET_BUFFER_BYTES
  }

  send(frame: Frame): void {
    this.#socket.send(frame)
  }

  /** Asks for a sign of life when it is time, and notices when there was none. To be called again and again. */
  look(): void {
    const now = Date.now()
    // The close event of a half-open connection takes its time.
    if (now - this.#heardAt > SILENCE_MS) this.#lose(null)
    else if (now - this.#pingedAt >= PING_INTERVAL_MS && this.#socket.readyState === WebSocket.OPEN) {
      this.#pingedAt = now
      this.#socket.send('{"type":"ping"}')
    }
  }

  /** Closes it. */
  close(): void {
    this.#over = true
    this.#socket.close()
  }

  #lose(closeCode: number | null): void {
    if (this.#over) return
    this.close()
    this.#events.onLost(closeCode)
  }
}
