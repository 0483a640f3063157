import type { Socket } from 'node:net'
import type { WebSocket } from 'ws'
import { CHUNK_HEADER_BYTES, type Chunk, decodeChunk } from '../../shared/chunk.ts'
import { CLOSE_ENDED, closeCodeOf, GatewayError } from '../../shared/errors.ts'
import { CHUNK_BYTES, CONTROL_BYTES, PING_INTERVAL_MS, WINDOW_BYTES } from '../../shared/limits.ts'
import { type ClientMessage, type Hello, parseClientMessage, type ServerMessage } from '../../shared/messages.ts'
import type { MediaMemory } from './media-memory.ts'
import type { PublisherLink } from './publisher-link.ts'

/** What a publisher's socket brings after its hello: a control message, or a chunk and when it came, in ms of the monotonic clock. */
export type Incoming = Exclude<ClientMessage, Hello> | ({ type: 'chunk'; receivedAt: number } & Chunk)

/** Most bytes of answers that a publisher may leave unread. */
const MAX_UNREAD_BYTES = 1024 * 1024

/** Bytes that may come before there is a hello in them. */
const BEFORE_HELLO_BYTES = 2 * CONTROL_BYTES

/** Bytes that a message costs beside its own. */
const MESSAGE_COST_BYTES = 256

/** Pings that may stay unanswered before the socket counts as dead: with the interval, less than 10 s. */
const MISSED_PINGS = 2

const NO_HELLO = 'The first message is "hello".'

/** What is needed of a `net.Socket`. */
type Wire = Pick<Socket, 'bytesRead' | 'on' | 'off'>

/** A message that waits, and what it counts for, in bytes. */
interface Waiting {
  message: Incoming
  cost: number
}

/**
 * One socket of a publisher. It checks frames, hands them on one by one, and stops reading from the socket while more than a
 * window of them waits. A session may have several of these, one after the other.
 */
export class IngestConnection implements PublisherLink {
  readonly #socket: WebSocket
  readonly #memory: MediaMemory
  readonly #queue: Waiting[] = []
  #queuedBytes = 0
  #hello: Hello | null = null
  #error: GatewayError | null = null
  #closed = false
  #abandoned = false
  #wake: (() => void) | null = null
  #unansweredPings = 0
  readonly #wire: Wire
  readonly #bytesBefore: number
  #bytesSeen = 0

  /** `wire`: the connection that the socket is on. What waits is counted in `memory`, with that of all others. */
  constructor(socket: WebSocket, wire: Wire, memory: MediaMemory) {
    this.#socket = socket
    this.#wire = wire
    this.#bytesBefore = wire.bytesRead
    this.#memory = memory
    wire.on('data', this.#beforeHello)
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
   * What the socket says first. Null where it closes before.
   * @throws GatewayError `bad_message` where something else comes first
   */
  async hello(): Promise<Hello | null> {
    while (this.#hello === null) {
      if (this.#error) throw this.#error
      if (this.#closed || this.#abandoned) return null
      await this.#arrival()
    }
    return this.#hello
  }

  /**
   * What arrives after the hello, in order, until the socket is closed or taken over.
   * @throws GatewayError at the first frame that breaks the protocol
   */
  async *messages(): AsyncGenerator<Incoming, void, undefined> {
    this.#resume()
    for (;;) {
      const waiting = this.#queue.shift()
      if (waiting) {
        this.#forget(waiting.cost)
        this.#resume()
        yield waiting.message
      } else if (this.#error) throw this.#error
      else if (this.#closed || this.#abandoned) return
      else await this.#arrival()
    }
  }

  /** Sends a control message; nothing happens where the socket is closed. */
  send(message: ServerMessage): void {
    if (this.#socket.readyState !== this.#socket.OPEN) return
    // One who asks and never reads would make it grow without end.
    if (this.#socket.bufferedAmount > MAX_UNREAD_BYTES) this.#socket.terminate()
    else this.#socket.send(JSON.stringify(message))
  }

  /** Says that everything arrived, and closes. */
  finish(): void {
    this.send({ type: 'ended' })
    this.#close(CLOSE_ENDED)
  }

  /** Says what went wrong, and closes with the code for it. What has not been handled is dropped. */
  fail(error: GatewayError): void {
    this.send({ type: 'error', code: error.code, message: error.message })
    this.#close(closeCodeOf(error.code))
  }

  /** Drops what has not been handled. Idempotent. */
  release(): void {
    this.#abandoned = true
    this.#queue.length = 0
    this.#forget(this.#queuedBytes)
  }

  #close(code: number): void {
    this.release()
    this.#socket.close(code)
    // Its answer comes behind what it has sent, which is read and thrown away.
    if (this.#socket.isPaused) this.#socket.resume()
    this.#wake?.()
  }

  /** A frame is held until it is whole: one who is not let in yet gets no room for that. */
  readonly #beforeHello = (): void => {
    if (this.#wire.bytesRead - this.#bytesBefore <= BEFORE_HELLO_BYTES) return
    this.#wire.off('data', this.#beforeHello)
    this.#socket.pause()
    // A hello in what came is told in the next turn of the loop (ws, `allowSynchronousEvents`).
    setImmediate(() => setImmediate(() => this.#requireHello()))
  }

  #requireHello(): void {
    if (this.#hello) return
    this.#error ??= new GatewayError('bad_message', NO_HELLO)
    this.#wake?.()
  }

  #receive(data: Buffer, isBinary: boolean): void {
    if (this.#error || this.#abandoned) return
    try {
      this.#take(isBinary ? readChunk(data) : readControl(data), data.byteLength)
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error
      this.#error = error
    }
    // What follows an error is not looked at.
    if (this.#error || this.#isFull) this.#socket.pause()
    this.#wake?.()
  }

  /** @throws GatewayError `bad_message` for a hello at another place than the first */
  #take(message: Incoming | Hello, bytes: number): void {
    if (message.type === 'hello') {
      if (this.#hello) throw new GatewayError('bad_message', 'A socket says hello once.')
      this.#hello = message
      this.#wire.off('data', this.#beforeHello)
      // Nothing more is read before it is let in.
      this.#socket.pause()
      return
    }
    if (!this.#hello) throw new GatewayError('bad_message', NO_HELLO)
    const cost = bytes + MESSAGE_COST_BYTES
    this.#queue.push({ message, cost })
    this.#queuedBytes += cost
    this.#memory.take(cost)
  }

  get #isFull(): boolean {
    return this.#queuedBytes >= Math.min(WINDOW_BYTES, this.#memory.shareBytes)
  }

  #forget(cost: number): void {
    this.#queuedBytes -= cost
    this.#memory.give(cost)
  }

  #resume(): void {
    if (this.#socket.isPaused && !this.#error && !this.#isFull) this.#socket.resume()
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
    const bytes = this.#wire.bytesRead
    if (bytes > this.#bytesSeen) this.#unansweredPings = 0
    this.#bytesSeen = bytes
    if (this.#unansweredPings >= MISSED_PINGS) return this.#socket.terminate()
    this.#unansweredPings++
    this.#socket.ping()
  }
}

function readChunk(frame: Buffer): Incoming {
  if (frame.byteLength > CHUNK_BYTES + CHUNK_HEADER_BYTES) {
    throw new GatewayError(
      'chunk_too_large',
      `A chunk may have ${CHUNK_BYTES} bytes of media, and this one has ${frame.byteLength - CHUNK_HEADER_BYTES}.`,
    )
  }
  return { type: 'chunk', receivedAt: performance.now(), ...decodeChunk(owned(frame)) }
}

/** A small frame is a piece of what was read from the socket at once, and would keep all of that. */
function owned(frame: Buffer): Buffer {
  if (frame.buffer.byteLength <= 2 * frame.byteLength) return frame
  const copy = Buffer.allocUnsafeSlow(frame.byteLength)
  frame.copy(copy)
  return copy
}

function readControl(frame: Buffer): ClientMessage {
  if (frame.byteLength > CONTROL_BYTES) {
    throw new GatewayError('bad_message', `A control message may have ${CONTROL_BYTES} bytes.`)
  }
  return parseClientMessage(frame.toString('utf8'))
}
