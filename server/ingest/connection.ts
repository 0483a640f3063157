import type { WebSocket } from 'ws'
import { CHUNK_HEADER_BYTES, type Chunk, decodeChunk } from '../../shared/chunk.ts'
import { CLOSE_CODES, CLOSE_ENDED, IngestError } from '../../shared/close-codes.ts'
import { CHUNK_BYTES, CONTROL_BYTES, PING_INTERVAL_MS, WINDOW_BYTES } from '../../shared/limits.ts'
import { type ClientMessage, parseClientMessage, type ServerMessage } from '../../shared/messages.ts'

/** What a publisher's socket brings: a control message, or a chunk and when it came, in ms of the monotonic clock. */
export type Incoming = ClientMessage | ({ type: 'chunk'; receivedAt: number } & Chunk)

/** Most bytes of answers that a publisher may leave unread. */
const MOST_UNREAD_BYTES = 1024 * 1024

/** Pings that may stay unanswered before the socket counts as dead: with the interval, less than 10 s. */
const MISSED_PINGS = 2

/**
 * One socket of a publisher. It checks frames, hands them on one by one, and stops reading from the socket while more than a
 * window of them waits. A session may have several of these, one after the other.
 */
export class IngestConnection {
  readonly #socket: WebSocket
  readonly #queue: Incoming[] = []
  #queuedBytes = 0
  #error: IngestError | null = null
  #closed = false
  #abandoned = false
  #wake: (() => void) | null = null
  #unansweredPings = 0
  readonly #bytesRead: () => number
  #bytesSeen = 0

  /** `bytesRead` tells how many bytes came over the connection so far: `net.Socket.bytesRead`. */
  constructor(socket: WebSocket, bytesRead: () => number) {
    this.#socket = socket
    this.#bytesRead = bytesRead
    socket.binaryType = 'nodebuffer'
    socket.on('message', (data, isBinary) => this.#receive(data as Buffer, isBinary))
    socket.on('pong', () => {
      this.#unansweredPings = 0
    })
    const heartbeat = setInterval(() => this.#ping(), PING_INTERVAL_MS)
    socket.on('error', () => socket.terminate())
    socket.on('close', () => {
      clearInterval(heartbeat)
      this.#closed = true
      this.#wake?.()
    })
  }

  /**
   * What arrives, in order, until the socket is closed or taken over.
   * @throws IngestError at the first frame that breaks the protocol
   */
  async *messages(): AsyncGenerator<Incoming, void, undefined> {
    for (;;) {
      const message = this.#abandoned ? undefined : this.#queue.shift()
      if (message) {
        if (message.type === 'chunk') this.#queuedBytes -= message.payload.byteLength
        if (this.#socket.isPaused && this.#queuedBytes < WINDOW_BYTES) this.#socket.resume()
        yield message
      } else if (this.#error) throw this.#error
      else if (this.#closed || this.#abandoned) return
      else await this.#arrival()
    }
  }

  /** Sends a control message; nothing happens where the socket is closed. */
  send(message: ServerMessage): void {
    if (this.#socket.readyState !== this.#socket.OPEN) return
    // One who asks and never reads would make it grow without end.
    if (this.#socket.bufferedAmount > MOST_UNREAD_BYTES) this.#socket.terminate()
    else this.#socket.send(JSON.stringify(message))
  }

  /** Says that everything arrived, and closes. */
  finish(): void {
    this.send({ type: 'ended' })
    this.#socket.close(CLOSE_ENDED)
  }

  /** Says what went wrong, and closes with the code for it. What has not been handled is dropped. */
  fail(error: IngestError): void {
    this.#abandoned = true
    this.send({ type: 'error', code: error.code, message: error.message })
    this.#socket.close(CLOSE_CODES[error.code])
    this.#wake?.()
  }

  #receive(data: Buffer, isBinary: boolean): void {
    if (this.#error || this.#abandoned) return
    try {
      const message = isBinary ? readChunk(data) : readControl(data)
      this.#queue.push(message)
      if (message.type === 'chunk') this.#queuedBytes += message.payload.byteLength
      if (this.#queuedBytes >= WINDOW_BYTES || this.#queue.length > 10_000) this.#socket.pause()
    } catch (error) {
      if (!(error instanceof IngestError)) throw error
      this.#error = error
    }
    this.#wake?.()
  }

  #arrival(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = () => {
        this.#wake = null
        resolve()
      }
    })
  }

  #ping(): void {
    // A paused socket does not see the answers; that it takes no more is the sign of life of its queue.
    if (this.#socket.isPaused) return
    // On a slow uplink the answer waits behind the recording: that bytes come is a sign of life, too.
    const bytes = this.#bytesRead()
    if (bytes > this.#bytesSeen) this.#unansweredPings = 0
    this.#bytesSeen = bytes
    if (this.#unansweredPings >= MISSED_PINGS) return this.#socket.terminate()
    this.#unansweredPings++
    this.#socket.ping()
  }
}

function readChunk(frame: Buffer): Incoming {
  if (frame.byteLength > CHUNK_BYTES + CHUNK_HEADER_BYTES) {
    throw new IngestError(
      'chunk_too_large',
      `A chunk may have ${CHUNK_BYTES} bytes of media, and this one has ${frame.byteLength - CHUNK_HEADER_BYTES}.`,
    )
  }
  return { type: 'chunk', receivedAt: performance.now(), ...decodeChunk(frame) }
}

function readControl(frame: Buffer): Incoming {
  if (frame.byteLength > CONTROL_BYTES) {
    throw new IngestError('bad_message', `A control message may have ${CONTROL_BYTES} bytes.`)
  }
  return parseClientMessage(frame.toString('utf8'))
}
