import { CLOSE_CODES, CLOSE_ENDED, ingestErrorOf } from '../../shared/close-codes.ts'
import { PING_INTERVAL_MS, SUBPROTOCOL } from '../../shared/limits.ts'
import { type EpochStart, parseServerMessage, type Welcome } from '../../shared/messages.ts'
import { Sender } from '../../shared/sender.ts'
import type { PlaybackLinks, StreamStatus } from '../../shared/status.ts'
import { backoff } from './backoff.ts'

/** Bytes that a socket may hold before no more are given to it: what it holds cannot be taken back after a cut. */
const SOCKET_BUFFER_BYTES = 1024 * 1024
/** Silence after which the server counts as gone; it answers pings. */
const SILENCE_MS = 2 * PING_INTERVAL_MS + 1_000
/** How long a new session is tried for, before there is any. */
const FIRST_CONNECT_ATTEMPTS = 3

/** How an uplink ended. */
export type UplinkEnd =
  /** The server has everything. */
  | { kind: 'ended' }
  /** The server said why not; `code` is one of the protocol's error codes. */
  | { kind: 'refused'; code: string; message: string }
  /** No server answered in time. */
  | { kind: 'unreachable' }

/** What an uplink tells. */
export interface UplinkEvents {
  /** A socket is there, and the server took the session. */
  onConnected(playback: PlaybackLinks): void
  /** The socket was lost; another is tried. */
  onInterrupted(): void
  /** The server needs a new epoch. */
  onRestart(): void
  /**
   * The server does not know the session any more, or never had what is left of it: a new session under the same name begins.
   * What it had not acknowledged is lost; `onConnected` follows, and then a new epoch must.
   */
  onSessionLost(): void
  onStatus(status: StreamStatus): void
  /** The last event. */
  onEnd(end: UplinkEnd): void
}

/** Brings recorded bytes to the server as `castgate.v1`, over as many sockets as it takes, and loses none. */
export class Uplink {
  readonly #url: string
  readonly #token: string | null
  readonly #events: UplinkEvents
  #sender = new Sender()
  /** The socket that is open or being opened. */
  #opening: WebSocket | null = null
  /** The same, once the server took the session over it. */
  #socket: WebSocket | null = null
  /** Whether there ever was a session: what is not available then may be again. */
  #everWelcomed = false
  #session: string | null = null
  #resumeMs = 0
  #lostAt: number | null = null
  #attempt = 0
  #ending = false
  #over = false
  #timers = new Set<ReturnType<typeof setTimeout>>()

  /** `url`: `wss://host/ingest/NAME`. `session`: one to take up, of which nothing is left here; null for a new one. */
  constructor(url: string, { token, session }: { token: string | null; session: string | null }, events: UplinkEvents) {
    this.#url = url
    this.#token = token
    this.#session = session
    this.#events = events
    this.#connect()
  }

  /** The session's id, to take it up after a reload; null before the server gave it. */
  get session(): string | null {
    return this.#everWelcomed ? this.#session : null
  }

  /** Bytes of recording that the server has not acknowledged. */
  get unacknowledgedBytes(): number {
    return this.#sender.bytes
  }

  /** Begins the next epoch. */
  startEpoch(start: Omit<EpochStart, 'type' | 'epoch'>): void {
    this.#sender.startEpoch(start)
  }

  /** Takes what the recorder gave. */
  push(recorded: Uint8Array): void {
    if (this.#over) return
    this.#sender.push(recorded)
    this.#flush()
  }

  /** Gives up what was never sent; a new epoch must follow. Returns how many bytes are lost. */
  dropUnsent(): number {
    return this.#sender.dropUnsent()
  }

  /** No more will come: `onEnd` follows when the server has everything. */
  end(): void {
    this.#ending = true
    this.#sender.end()
    this.#flush()
  }

  /** Gives up at once, without the rest. */
  abort(): void {
    this.#finish({ kind: 'ended' })
  }

  #connect(): void {
    const socket = new WebSocket(this.#url, SUBPROTOCOL)
    this.#opening = socket
    socket.binaryType = 'arraybuffer'
    let refusal: { code: string; message: string } | null = null
    let heardAt = performance.now()
    let gone = false
    const heartbeat = setInterval(() => {
      if (performance.now() - heardAt > SILENCE_MS) lost(null)
      else if (socket.readyState === WebSocket.OPEN) socket.send('{"type":"ping"}')
    }, PING_INTERVAL_MS)
    // The close event of a half-open connection takes its time, so silence counts as well.
    const lost = (closeCode: number | null) => {
      if (gone) return
      gone = true
      clearInterval(heartbeat)
      socket.close()
      if (this.#over) return
      const wasConnected = this.#socket === socket
      this.#socket = null
      if (closeCode === CLOSE_ENDED) this.#finish({ kind: 'ended' })
      else if (ingestErrorOf(closeCode) === 'no_session') this.#beginAgain()
      else if (refusal && !this.#worthRetrying(closeCode)) this.#finish({ kind: 'refused', ...refusal })
      else this.#retry(wasConnected)
    }
    socket.addEventListener('open', () => {
      const token = this.#token === null ? {} : { token: this.#token }
      socket.send(JSON.stringify({ type: 'hello', session: this.#session, ...token }))
    })
    socket.addEventListener('message', ({ data }: MessageEvent<unknown>) => {
      if (gone || this.#over) return
      heardAt = performance.now()
      const message = typeof data === 'string' ? parseServerMessage(data) : null
      switch (message?.type) {
        case 'welcome':
          if (!this.#welcome(message)) {
            lost(CLOSE_CODES.no_session)
            return
          }
          this.#socket = socket
          this.#events.onConnected(message.playback)
          this.#flush()
          return
        case 'ack':
          // Only what was taken shows that the server works again.
          this.#lostAt = null
          this.#attempt = 0
          this.#sender.ack(message.next)
          this.#flush()
          return
        case 'restart':
          this.#events.onRestart()
          return
        case 'status':
          this.#events.onStatus(message)
          return
        case 'error':
          refusal = message
      }
    })
    socket.addEventListener('close', ({ code }) => lost(code))
  }

  /** Takes the server's word for what it has; false where that does not fit what is here. */
  #welcome({ session, next, epoch, limits }: Welcome): boolean {
    try {
      if (!this.#everWelcomed && this.#session !== null) this.#sender.adopt(next, epoch)
      this.#sender.welcome(next, limits)
    } catch (error) {
      if (error instanceof RangeError) return false
      throw error
    }
    this.#session = session
    this.#resumeMs = limits.resumeSeconds * 1000
    this.#everWelcomed = true
    return true
  }

  /** A server that is not available now may be again. */
  #worthRetrying(closeCode: number | null): boolean {
    return this.#everWelcomed && ingestErrorOf(closeCode) === 'unavailable'
  }

  /** Starts a new session, as after the server was started anew. */
  #beginAgain(): void {
    if (this.#ending) {
      const message = 'The server lost the broadcast before it had all of it.'
      return this.#finish({ kind: 'refused', code: 'no_session', message })
    }
    this.#session = null
    this.#sender = new Sender()
    this.#events.onSessionLost()
    this.#retry(false)
  }

  #retry(wasConnected: boolean): void {
    const now = performance.now()
    if (wasConnected) this.#events.onInterrupted()
    if (this.#everWelcomed) this.#lostAt ??= now
    const hopeless =
      this.#lostAt === null ? this.#attempt >= FIRST_CONNECT_ATTEMPTS : now - this.#lostAt > this.#resumeMs
    if (hopeless) return this.#finish({ kind: 'unreachable' })
    this.#later(backoff(this.#attempt++), () => this.#connect())
  }

  #flush(): void {
    const socket = this.#socket
    if (socket?.readyState !== WebSocket.OPEN) return
    for (const frame of this.#sender.take(() => socket.bufferedAmount < SOCKET_BUFFER_BYTES)) socket.send(frame)
  }

  #later(ms: number, action: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      action()
    }, ms)
    this.#timers.add(timer)
  }

  #finish(end: UplinkEnd): void {
    if (this.#over) return
    this.#over = true
    for (const timer of this.#timers) clearTimeout(timer)
    this.#opening?.close()
    this.#events.onEnd(end)
  }
}
