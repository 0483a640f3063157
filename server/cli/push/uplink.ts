import { setTimeout as delay } from 'node:timers/promises'
import { WebSocket } from 'ws'
import { backoff } from '../../../shared/backoff.ts'
import { CLOSE_ENDED, type Retry, retryOf } from '../../../shared/errors.ts'
import { SUBPROTOCOL, WINDOW_BYTES } from '../../../shared/limits.ts'
import { parseServerMessage } from '../../../shared/messages.ts'
import { Sender } from '../../../shared/sender.ts'
import type { PlaybackLinks } from '../../../shared/status.ts'
import { ExitError } from '../../process/errors.ts'

const RETRY = { minMs: 250, maxMs: 5_000 }

type SocketEnd = { kind: 'ended' } | { kind: 'refused'; message: string } | { kind: 'lost' }

/** Sends a recording to a gateway as `castgate.v1`, over as many sockets as it takes. */
export class Uplink {
  readonly #url: string
  readonly #token: string | null
  readonly #sender = new Sender()
  #socket: WebSocket | null = null
  #session: string | null = null
  #resumeSeconds = 0
  #room: (() => void) | null = null
  #over = false
  #welcomed: (links: PlaybackLinks) => void = () => {}

  /** Resolves with the links of the stream once the gateway took it. */
  readonly welcome: Promise<PlaybackLinks>
  /** Resolves when the gateway has everything; rejects with an ExitError where it does not take it. */
  readonly done: Promise<void>

  /** `url`: `ws://host:port/ingest/NAME`. */
  constructor(url: string, token: string | null) {
    this.#url = url
    this.#token = token
    this.welcome = new Promise((resolve) => {
      this.#welcomed = resolve
    })
    this.#sender.startEpoch({ at: 0, mimeType: 'video/mp4' })
    this.done = this.#run().finally(() => {
      this.#over = true
      this.#room?.()
    })
  }

  /** Takes the next bytes; resolves when there is room for more, or no use for them. */
  async push(bytes: Uint8Array): Promise<void> {
    this.#sender.push(bytes)
    this.#flush()
    if (this.#sender.bytes < WINDOW_BYTES || this.#over) return
    await new Promise<void>((resolve) => {
      this.#room = resolve
    })
  }

  /** No more will come. */
  end(): void {
    this.#sender.end()
    this.#flush()
  }

  async #run(): Promise<void> {
    let attempt = 0
    for (let lostAt: number | null = null; ; ) {
      const end = await this.#connection()
      if (end.kind === 'ended') return
      if (end.kind === 'refused') throw new ExitError('refused', end.message)
      if (this.#session === null) {
        throw new ExitError(
          'no_gateway',
          `No gateway answers at ${new URL(this.#url).host}. Start it with: castgate serve`,
        )
      }
      if (this.#socket) {
        lostAt = performance.now()
        attempt = 0
      }
      this.#socket = null
      if (lostAt !== null && performance.now() - lostAt > this.#resumeSeconds * 1000) {
        throw new ExitError('no_gateway', 'The connection to the gateway was lost, and did not come back in time.')
      }
      await delay(backoff(attempt++, RETRY))
    }
  }

  /** One socket, from its opening to its end. */
  #connection(): Promise<SocketEnd> {
    return new Promise((resolve) => {
      const socket = new WebSocket(this.#url, SUBPROTOCOL, { perMessageDeflate: false })
      let refusal: { retry: Retry; message: string } | null = null
      socket.on('open', () => {
        const token = this.#token === null ? {} : { token: this.#token }
        socket.send(JSON.stringify({ type: 'hello', session: this.#session, source: 'file', ...token }))
      })
      socket.on('message', (data, isBinary) => {
        const message = isBinary ? null : parseServerMessage(String(data))
        switch (message?.type) {
          case 'welcome':
            this.#session = message.session
            this.#resumeSeconds = message.limits.resumeSeconds
            this.#sender.welcome(message.next, message.limits)
            this.#socket = socket
            this.#welcomed(message.playback)
            this.#flush()
            return
          case 'ack':
            this.#sender.ack(message.next)
            this.#flush()
            if (this.#sender.bytes < WINDOW_BYTES) this.#room?.()
            return
          case 'restart':
            refusal = { retry: 'never', message: `The gateway asks for a new recording: ${message.reason}` }
            socket.close(CLOSE_ENDED)
            return
          case 'error':
            refusal = { retry: retryOf(message.code), message: message.message }
        }
      })
      socket.on('error', () => {})
      socket.on('close', (code) => {
        if (code === CLOSE_ENDED && refusal === null) resolve({ kind: 'ended' })
        else if (refusal !== null && (refusal.retry !== 'soon' || this.#session === null)) {
          resolve({ kind: 'refused', message: refusal.message })
        } else resolve({ kind: 'lost' })
      })
    })
  }

  #flush(): void {
    if (this.#socket === null) return
    for (const frame of this.#sender.take()) this.#socket.send(frame)
  }
}
