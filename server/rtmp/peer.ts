import type { Socket } from 'node:net'
import { GatewayError } from '../../shared/errors.ts'
import type { Tag } from '../flv/tag.ts'
import type { Turns } from '../process/turns.ts'
import { AmfError, type AmfObject } from './amf.ts'
import { RtmpError } from './messages.ts'
import { nameIn, RtmpServerSession, type ServerEvent } from './server-session.ts'

/** How long a client may take to ask for something. */
const ASK_MS = 15_000

/** A publisher of which nothing comes for so long is gone, or hangs: it may begin anew. */
const SILENT_MS = 30_000

/** How long what was said last may take to go out. */
const FAREWELL_MS = 2_000

/** What waits for a client that is told more than it reads. */
const MAX_ANSWERS_BYTES = 256 * 1024

/** What waits for a player: one picture of the largest size, and what else there is. */
const MAX_UNREAD_BYTES = 40 * 1024 * 1024

/** Events that are handled before others get a turn. */
const EVENTS_A_TURN = 200

/** What somebody asks for over RTMP. */
export interface RtmpRequest {
  /** The name of the stream, as it was sent. */
  name: string
  /** The query of the key: tokens. */
  params: URLSearchParams
  peer: RtmpPeer
}

/** Where the media of a publisher goes. */
export interface RtmpSink {
  /** Takes a picture or a piece of sound; where it gives a promise, nothing more is read until that resolves. */
  tag(tag: Tag): Promise<void> | undefined
  /** Takes what the publisher says of its media. */
  metadata(values: AmfObject): void
  /** Nothing comes any more: it ended the stream (`over`), or its connection is gone. */
  end(how: 'over' | 'gone'): void
}

/** Who decides what is done. */
export interface RtmpHandlers {
  /** @throws GatewayError where it may not */
  publish(request: RtmpRequest): Promise<RtmpSink>
  /**
   * Resolves when the player is let in; `begin` then has it told so.
   * @throws GatewayError where it may not
   */
  play(request: RtmpRequest): Promise<RtmpAudience>
}

/** Where a player gets media from. */
export interface RtmpAudience {
  /** The player was told that it plays. */
  begin(): void
  pause(isPaused: boolean): void
  end(): void
}

/** What a peer is a part of. */
export interface PeerContext {
  application: string
  codecs: readonly string[]
  turns: Turns
  handlers: RtmpHandlers
  /** It may not do what it asked for, and was told so. */
  onRefused(refusal: RtmpRefusal): void
  /** Its connection was ended: it does not speak RTMP as it should, asks for nothing, or gives nothing. */
  onDropped(address: string | null, reason: string): void
  /** Handling what it sent failed, which is our fault; its connection was ended. */
  onFault(error: unknown): void
}

/** Somebody who was not let in. */
export interface RtmpRefusal {
  wants: 'publish' | 'play'
  /** The name of the stream, as it was sent. */
  name: string
  address: string | null
  error: GatewayError
}

/** A client of our RTMP server. */
export class RtmpPeer {
  /** Null for a program on this machine. */
  readonly address: string | null
  readonly socket: Socket
  readonly #context: PeerContext
  readonly #session: RtmpServerSession
  readonly #patience: NodeJS.Timeout
  #silence: NodeJS.Timeout | undefined
  #sink: RtmpSink | null = null
  #audience: RtmpAudience | null = null
  #events = 0

  constructor(socket: Socket, address: string | null, context: PeerContext) {
    this.socket = socket
    this.address = address
    this.#context = context
    this.#session = new RtmpServerSession(context.application, context.codecs, (bytes) => void socket.write(bytes))
    this.#patience = setTimeout(() => this.#drop(`it asked for nothing within ${ASK_MS / 1000} s`), ASK_MS)
    socket.setNoDelay()
    socket.on('data', (bytes: Buffer) => this.#take(bytes))
    socket.on('error', () => socket.destroy())
    socket.once('close', () => this.#close())
  }

  /** Whether its connection is gone. */
  get isGone(): boolean {
    return this.socket.destroyed
  }

  /** Tells it why it is not served, or not any more, and ends its connection. */
  refuse(error: GatewayError): void {
    if (this.isGone) return
    this.#session.refuse(error.code === 'name_taken' || error.code === 'bad_request', error.message)
    this.#leave()
  }

  /** What it plays is over. */
  endPlay(): void {
    if (this.isGone) return
    this.#session.endPlay()
    this.#leave()
  }

  #take(bytes: Buffer): void {
    this.#silence?.refresh()
    this.#advance(this.#session.receive(bytes))
  }

  /** Handles what is in the bytes that came, until something has to be waited for; nothing is read until then. */
  #advance(events: Generator<ServerEvent, void, undefined>): void {
    try {
      for (let next = events.next(); !next.done; next = events.next()) {
        const wait = this.#handle(next.value) ?? this.#nextTurn()
        if (this.isGone) return
        if (wait === undefined) continue
        this.socket.pause()
        wait.then(
          () => this.#goOn(events),
          (error: unknown) => this.#fail(error),
        )
        return
      }
      const limit = this.#audience ? MAX_UNREAD_BYTES : MAX_ANSWERS_BYTES
      if (this.socket.writableLength > limit) throw new RtmpError('It does not read what it is told.')
    } catch (error) {
      this.#fail(error)
    }
  }

  #goOn(events: Generator<ServerEvent, void, undefined>): void {
    this.#advance(events)
    // It may wait again.
    this.socket.resume()
  }

  #nextTurn(): Promise<void> | undefined {
    return ++this.#events % EVENTS_A_TURN === 0 ? this.#context.turns.next() : undefined
  }

  #handle(event: ServerEvent): Promise<void> | undefined {
    switch (event.kind) {
      case 'tag':
        return this.#sink?.tag(event.tag)
      case 'metadata':
        this.#sink?.metadata(event.values)
        return undefined
      case 'pause':
        this.#audience?.pause(event.isPaused)
        return undefined
      case 'publish':
        return this.#publish(event.key)
      case 'play':
        return this.#play(event.key)
      case 'over':
        this.#leave()
        return undefined
      case 'no-application':
        this.#context.onDropped(this.address, `there is no application "${nameIn(event.application).slice(0, 60)}"`)
        this.#leave()
        return undefined
    }
  }

  async #publish(key: string): Promise<void> {
    clearTimeout(this.#patience)
    const sink = await this.#asking('publish', key, (request) => this.#context.handlers.publish(request))
    if (!sink) return
    this.#sink = sink
    if (this.isGone) return this.#endAll()
    this.#silence = setTimeout(() => this.#drop(`nothing came of it for ${SILENT_MS / 1000} s`), SILENT_MS)
    this.#session.accept()
  }

  async #play(key: string): Promise<void> {
    clearTimeout(this.#patience)
    const audience = await this.#asking('play', key, (request) => this.#context.handlers.play(request))
    if (!audience) return
    this.#audience = audience
    if (this.isGone) return this.#endAll()
    this.#session.accept()
    audience.begin()
  }

  /** Asks whether it may; null where it was told that it may not. */
  async #asking<T>(
    wants: 'publish' | 'play',
    key: string,
    ask: (request: RtmpRequest) => Promise<T>,
  ): Promise<T | null> {
    const name = nameIn(key)
    try {
      return await ask({ name, params: new URLSearchParams(key.slice(name.length)), peer: this })
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error
      this.#context.onRefused({ wants, name, address: this.address, error })
      this.refuse(error)
      return null
    }
  }

  /** Ends a connection that does not do what it should. */
  #drop(reason: string): void {
    if (this.isGone) return
    this.#context.onDropped(this.address, reason)
    this.socket.destroy()
  }

  #fail(error: unknown): void {
    if (error instanceof RtmpError || error instanceof AmfError) return this.#drop(error.message)
    // The others go on.
    this.#context.onFault(error)
    this.socket.destroy()
  }

  /** Ends the connection after what was said. */
  #leave(): void {
    clearTimeout(this.#patience)
    this.#endAll()
    if (this.socket.destroyed) return
    this.socket.end()
    // Read, so that the other end's close is noticed; what it still sends is nothing.
    this.socket.removeAllListeners('data').resume()
    setTimeout(() => this.socket.destroy(), FAREWELL_MS).unref()
  }

  #close(): void {
    clearTimeout(this.#patience)
    this.#endAll()
  }

  #endAll(): void {
    clearTimeout(this.#silence)
    const [sink, audience] = [this.#sink, this.#audience]
    this.#sink = null
    this.#audience = null
    sink?.end(this.#session.isOver ? 'over' : 'gone')
    audience?.end()
  }
}
