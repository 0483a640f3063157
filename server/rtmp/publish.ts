import type { Socket } from 'node:net'
import type { BusTag } from '../flv/gop-cache.ts'
import { atMost } from '../process/at-most.ts'
import type { RtmpAddress } from './address.ts'
import { RtmpClientSession } from './client-session.ts'
import { publishedMessage } from './media-message.ts'

/** How long a host may take to accept a connection, and then to say anything. */
const CONNECT_MS = 5_000

/** How long a server may take to let us publish, once it has answered. */
const PUBLISH_MS = 15_000

/** Time after which a server that takes nothing counts as gone: TCP would need many minutes to find out. */
const STALLED_MS = 8_000

/** A stream that we publish to a server. */
export interface RtmpPublication {
  /** Writes tags as one, and waits for room where there is none; false where there is none for too long, or the connection has ended. */
  write(tags: readonly BusTag[], gone: AbortSignal): Promise<boolean>
  /** Bytes that left. */
  readonly bytesOut: number
  /** Bytes that the server has acknowledged, as seldom as it does. */
  readonly deliveredBytes: number
  /** Why it ended by itself, in words. Never rejects; never resolves for one that was closed. */
  readonly ended: Promise<string>
  /** Ends the stream, and lets what is written go out for at most `graceMs`. Never rejects. */
  close(graceMs: number): Promise<void>
}

/** How a server is reached. */
export interface Way {
  connect(): Socket
  /** What it is called, for people. */
  name: string
  /** Why a connection failed, for people. */
  problem(error: NodeJS.ErrnoException): string
}

/**
 * Connects to a server and publishes; resolves when the server takes the stream.
 * @throws Error with the reason in words, which may repeat what the server was sent; the reason of `signal`, once that is aborted
 */
export async function publishRtmp(address: RtmpAddress, way: Way, signal: AbortSignal): Promise<RtmpPublication> {
  signal.throwIfAborted()
  const socket = way.connect()
  const publication = new Publication(socket, address, way)
  const abort = () => socket.destroy()
  signal.addEventListener('abort', abort)
  try {
    await publication.published
    signal.throwIfAborted()
    return publication
  } catch (error) {
    socket.destroy()
    signal.throwIfAborted()
    throw error
  } finally {
    signal.removeEventListener('abort', abort)
  }
}

class Publication implements RtmpPublication {
  /** Rejects where the server does not take the stream. */
  readonly published: Promise<void>
  readonly ended: Promise<string>
  readonly #socket: Socket
  readonly #session: RtmpClientSession
  readonly #closed: Promise<void>
  readonly #fail: (reason: string) => void
  #isClosing = false

  constructor(socket: Socket, address: RtmpAddress, way: Way) {
    this.#socket = socket
    let patience = setTimeout(() => fail(`${way.name} did not answer within ${CONNECT_MS / 1000} s`), CONNECT_MS)
    let publish = () => {}
    let reject = (_: Error) => {}
    let end = (_: string) => {}
    this.published = new Promise((resolve, refuse) => {
      publish = resolve
      reject = refuse
    })
    this.ended = new Promise((resolve) => {
      end = resolve
    })
    // It may fail while nobody waits any more.
    this.published.catch(() => {})
    const fail = (reason: string) => {
      clearTimeout(patience)
      reject(new Error(reason))
      if (!this.#isClosing) end(reason)
      socket.destroy()
    }
    this.#fail = fail
    this.#session = new RtmpClientSession(address, (bytes) => void socket.write(bytes))
    this.#closed = new Promise((resolve) => socket.once('close', () => resolve()))
    socket.once('data', () => {
      clearTimeout(patience)
      patience = setTimeout(() => fail(`${way.name} did not take the stream within ${PUBLISH_MS / 1000} s`), PUBLISH_MS)
    })
    socket.on('data', (bytes: Buffer) => {
      try {
        for (const event of this.#session.receive(bytes)) {
          if (event.kind === 'refused') return fail(event.reason)
          clearTimeout(patience)
          publish()
        }
      } catch (error) {
        fail(`${way.name} does not speak RTMP as it should: ${error instanceof Error ? error.message : String(error)}`)
      }
    })
    socket.once('error', (error) => fail(way.problem(error)))
    socket.once('end', () => fail(`${way.name} closed the connection`))
    socket.once('close', () => fail(`${way.name} closed the connection`))
  }

  get bytesOut(): number {
    return this.#socket.bytesWritten
  }

  get deliveredBytes(): number {
    return Math.min(this.#session.deliveredBytes, this.#socket.bytesWritten)
  }

  async write(tags: readonly BusTag[], gone: AbortSignal): Promise<boolean> {
    const socket = this.#socket
    const { stream } = this.#session
    if (stream === null || socket.destroyed) return false
    socket.cork()
    let hasRoom = true
    for (const tag of tags) for (const piece of publishedMessage(tag, stream)) hasRoom = socket.write(piece)
    socket.uncork()
    if (hasRoom || gone.aborted) return true
    return new Promise((resolve) => {
      const settle = (wentOn: boolean) => {
        clearTimeout(timer)
        socket.off('drain', goOn)
        socket.off('close', goOn)
        gone.removeEventListener('abort', goOn)
        resolve(wentOn)
      }
      const goOn = () => settle(!socket.destroyed)
      const timer = setTimeout(() => {
        this.#fail(`it took nothing for ${STALLED_MS / 1000} s`)
        settle(false)
      }, STALLED_MS)
      socket.once('drain', goOn)
      socket.once('close', goOn)
      gone.addEventListener('abort', goOn)
    })
  }

  async close(graceMs: number): Promise<void> {
    this.#isClosing = true
    if (!this.#socket.destroyed) {
      this.#session.end()
      this.#socket.end()
      await atMost(graceMs, this.#closed)
    }
    this.#socket.destroy()
  }
}
