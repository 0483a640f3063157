import { backoff } from '../../shared/backoff.ts'
import { CLOSE_ENDED, closeCodeOf, retryOf } from '../../shared/errors.ts'
import type { EpochStart, ServerMessage, Welcome } from '../../shared/messages.ts'
import { Sender } from '../../shared/sender.ts'
import type { PlaybackLinks, StreamStatus } from '../../shared/status.ts'
import { Connection } from './connection.ts'
import { announceEnd, untilEnded } from './endings.ts'
import { askForToken, type TokenSource } from './token.ts'

export type { TokenSource }

/** How it waits before it connects again. */
const RETRY = { minMs: 250, maxMs: 5_000 }

/** The close code of a server that does not know the session. */
const NO_SESSION = closeCodeOf('no_session')

/** How often what is due is looked for. */
const TICK_MS = 250
/** Time in which nothing happened here at all, after which the computer must have slept. */
const SLEEP_MS = 10_000
/** How long a new session is tried for, before there is any. */
const FIRST_CONNECT_ATTEMPTS = 3

/** How long the end may take without a sign of progress: a server that transcodes may be behind by half a minute. */
const END_MS = 45_000
/** The same where nothing was sent yet, and the server only has to let go of the name. */
const ABORT_MS = 3_000

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
   * What it had not acknowledged is lost, and still counted here; `onConnected` follows, and then a new epoch must.
   */
  onSessionLost(): void
  /** The server has more than before. */
  onAcknowledged(): void
  onStatus(status: StreamStatus): void
  /** The last event. */
  onEnd(end: UplinkEnd): void
}

/** Brings recorded bytes to the server as `castgate.v1`, over as many sockets as it takes, and loses none. */
export class Uplink {
  readonly #url: string
  readonly #token: TokenSource | null
  readonly #events: UplinkEvents
  #sender = new Sender()
  /** The connection that is there or being opened. */
  #connection: Connection | null = null
  /** Whether the server took the session over it. */
  #welcomed = false
  /** Whether there ever was a session: what is not available then may be again. */
  #everWelcomed = false
  #session: string | null = null
  #resumeMs = 0
  /** When anything happened here last, as `Date.now()`. */
  #awakeAt = Date.now()
  /** Since when the server takes nothing, as `Date.now()`. */
  #lostAt: number | null = null
  #attempt = 0
  /** When the next connection is due, as `Date.now()`. */
  #retryAt: number | null = null
  #refusal: { code: string; message: string } | null = null
  /** Whether hello was sent over the connection: the server may have a session then. */
  #helloSent = false
  /** Aborted when the page's answer is not waited for any more. */
  #asking: AbortController | null = null
  /** Why there is no token, where that is what is missing. */
  #tokenProblem: string | null = null
  #ending = false
  /** When the end is given up, as `Date.now()`; null while it is not near. */
  #endBy: number | null = null
  #aborting = false
  /** Tells those who wait for this one that it has ended. */
  #announcedEnd: (() => void) | null = null
  #over = false
  readonly #ticks: ReturnType<typeof setInterval>

  /** `url`: `wss://host/ingest/NAME`. `session`: one to take up, of which nothing is left here; null for a new one. */
  constructor(
    url: string,
    { token, session }: { token: TokenSource | null; session: string | null },
    events: UplinkEvents,
  ) {
    this.#url = url
    this.#token = token
    this.#session = session
    this.#events = events
    this.#ticks = setInterval(() => this.#tick(), TICK_MS)
    globalThis.addEventListener('online', this.#retryNow)
    // Whoever made this one is told of a failure after they have it.
    void untilEnded(url).then(() => {
      if (!this.#over) this.#connect()
    })
  }

  /** The session's id, to take it up after a reload; null before the server gave it. */
  get session(): string | null {
    return this.#everWelcomed ? this.#session : null
  }

  /** Bytes of recording that the server has not acknowledged. */
  get unacknowledgedBytes(): number {
    return this.#sender.bytes
  }

  /** How long the server waits for a publisher who is gone; 0 before it told. */
  get resumeSeconds(): number {
    return this.#resumeMs / 1000
  }

  /** Begins the next epoch. */
  startEpoch(start: Omit<EpochStart, 'type' | 'epoch'>): void {
    this.#sender.startEpoch(start)
  }

  /** Takes what the recorder gave. */
  push(recorded: Uint8Array): void {
    if (this.#over) return
    this.#sender.push(recorded)
    // Timers of a page that is not seen may come once a minute; what a recorder gives does not wait for them.
    this.#tick()
    this.#flush()
  }

  /** Gives up what was never sent; a new epoch must follow. Returns how many bytes are lost. */
  dropUnsent(): number {
    return this.#sender.dropUnsent()
  }

  /** The end is near: another uplink to the same address waits for it, and finds the name free. */
  announceEnd(): void {
    if (!this.#over) this.#announcedEnd ??= announceEnd(this.#url)
  }

  /** No more will come: `onEnd` follows when the server has everything, or does not take it in time. */
  end(): void {
    if (this.#over) return
    this.announceEnd()
    this.#ending = true
    this.#endBy = Date.now() + END_MS
    this.#sender.end()
    this.#flush()
  }

  /** Gives up before anything was sent: `onEnd` follows at once, or when the server has let go of the name. */
  abort(): void {
    if (this.#session === null && !this.#helloSent) return this.#finish({ kind: 'ended' })
    this.end()
    this.#aborting = true
    this.#endBy = Date.now() + ABORT_MS
  }

  #tick(): void {
    this.#noticeSleep()
    if (this.#endBy !== null && Date.now() >= this.#endBy)
      this.#finish({ kind: this.#aborting ? 'ended' : 'unreachable' })
    else if (this.#retryAt !== null && Date.now() >= this.#retryAt) this.#connect()
    else this.#connection?.look()
  }

  /** While the computer slept, nothing happened here; what had arrived before it slept is still read after it. */
  #noticeSleep(): void {
    const now = Date.now()
    if (this.#everWelcomed && now - this.#awakeAt > SLEEP_MS) this.#lostAt ??= this.#awakeAt
    this.#awakeAt = now
  }

  readonly #retryNow = (): void => {
    if (this.#retryAt !== null) this.#connect()
  }

  #connect(): void {
    this.#retryAt = null
    this.#refusal = null
    this.#helloSent = false
    if (typeof this.#token === 'function') void this.#askForToken(this.#token)
    else this.#open(this.#token)
  }

  /** Asks the page for a token. The way to its server may be down as well as the one to ours: once there was a session, it is asked again. */
  async #askForToken(give: Exclude<TokenSource, string>): Promise<void> {
    const asking = new AbortController()
    this.#asking = asking
    const answer = await askForToken(give, asking)
    if (this.#asking !== asking || this.#over) return
    this.#asking = null
    this.#tokenProblem = answer.kind === 'given' ? null : answer.message
    if (answer.kind === 'given') this.#open(answer.token)
    else if (answer.kind === 'late' || this.#everWelcomed) this.#retry()
    else this.#finish({ kind: 'refused', code: 'unauthorized', message: answer.message })
  }

  #open(token: string | null): void {
    try {
      const connection = new Connection(this.#url, {
        onOpen: () => {
          const given = token === null ? {} : { token }
          this.#helloSent = true
          connection.send(JSON.stringify({ type: 'hello', session: this.#session, ...given }))
        },
        onMessage: (message) => this.#receive(message, connection),
        onLost: (closeCode) => this.#lost(closeCode),
      })
      this.#connection = connection
    } catch (error) {
      // An address that is none, or a plain one in a page that came over https.
      const message = `The server's address cannot be used here: ${error instanceof Error ? error.message : String(error)}`
      this.#finish({ kind: 'refused', code: 'unreachable', message })
    }
  }

  #receive(message: ServerMessage, connection: Connection): void {
    this.#noticeSleep()
    switch (message.type) {
      case 'welcome':
        if (!this.#welcome(message)) {
          connection.close()
          return this.#lost(NO_SESSION)
        }
        this.#welcomed = true
        this.#events.onConnected(message.playback)
        return this.#flush()
      case 'ack':
        // Only what was taken shows that the server works again.
        this.#lostAt = null
        this.#attempt = 0
        if (this.#endBy !== null && !this.#aborting) this.#endBy = Date.now() + END_MS
        this.#sender.ack(message.next)
        this.#events.onAcknowledged()
        return this.#flush()
      case 'restart':
        return this.#events.onRestart()
      case 'status':
        return this.#events.onStatus(message)
      case 'error':
        this.#refusal = message
    }
  }

  #lost(closeCode: number | null): void {
    this.#noticeSleep()
    const wasWelcomed = this.#welcomed
    this.#connection = null
    this.#welcomed = false
    this.#helloSent = false
    if (this.#everWelcomed) this.#lostAt ??= Date.now()
    const hasNoSession = closeCode === NO_SESSION
    // What the server has no session of is as good as ended.
    const isAborted = this.#aborting && (this.#refusal !== null || this.#session === null || hasNoSession)
    if (closeCode === CLOSE_ENDED || isAborted) this.#finish({ kind: 'ended' })
    else if (hasNoSession) this.#sessionLost()
    else if (this.#refusal && !(this.#everWelcomed && retryOf(this.#refusal.code) === 'soon')) {
      this.#finish({ kind: 'refused', ...this.#refusal })
    } else {
      if (wasWelcomed) this.#events.onInterrupted()
      this.#retry()
    }
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

  /**
   * Starts a new session, as after the server was started anew. Where the server has waited in vain, nothing begins by itself: nobody
   * wants to be live again because a laptop was opened.
   */
  #sessionLost(): void {
    const awayMs = Date.now() - (this.#lostAt ?? Date.now())
    if (this.#everWelcomed && awayMs > this.#resumeMs) {
      const message = `The broadcast has ended: this page could not reach the server for ${Math.round(awayMs / 1000)} s. Press Broadcast to start again.`
      return this.#finish({ kind: 'refused', code: 'no_session', message })
    }
    if (this.#ending) {
      const message = 'The server lost the broadcast before it had all of it.'
      return this.#finish({ kind: 'refused', code: 'no_session', message })
    }
    this.#session = null
    this.#events.onSessionLost()
    this.#sender = new Sender()
    this.#retry()
  }

  #retry(): void {
    const hopeless =
      this.#lostAt === null
        ? this.#attempt >= FIRST_CONNECT_ATTEMPTS
        : // At least once: after a sleep, the server's word is better than our clock.
          this.#attempt > 0 && Date.now() - this.#lostAt > this.#resumeMs
    if (hopeless) {
      const message = this.#tokenProblem
      return this.#finish(
        message === null ? { kind: 'unreachable' } : { kind: 'refused', code: 'token_timeout', message },
      )
    }
    this.#retryAt = Date.now() + backoff(this.#attempt++, RETRY)
  }

  #flush(): void {
    const connection = this.#welcomed ? this.#connection : null
    if (!connection?.hasRoom) return
    for (const frame of this.#sender.take(() => connection.hasRoom)) connection.send(frame)
  }

  #finish(end: UplinkEnd): void {
    if (this.#over) return
    this.#over = true
    clearInterval(this.#ticks)
    globalThis.removeEventListener('online', this.#retryNow)
    this.#retryAt = null
    this.#asking?.abort()
    this.#connection?.close()
    this.#announcedEnd?.()
    this.#events.onEnd(end)
  }
}
