import { type RtmpAddress, tcUrlOf } from './address.ts'
import type { AmfObject, AmfValue } from './amf.ts'
import { type Command, readCommand, readStatus } from './commands.ts'
import { MESSAGE, RtmpError } from './messages.ts'
import { RtmpWire } from './wire.ts'

/** What a server says of what we publish. */
export type ClientEvent =
  /** It takes what comes now. */
  | { kind: 'published' }
  /** It does not, or not any more: why, in its words. */
  | { kind: 'refused'; reason: string }

/** What encoders call themselves to servers. */
const FLASH_VERSION = 'FMLE/3.0 (compatible; Castgate)'

/** The numbers of what we ask. */
const ASKED = {
  connect: 1,
  releaseStream: 2,
  fcPublish: 3,
  createStream: 4,
  publish: 5,
  fcUnpublish: 6,
  deleteStream: 7,
} as const

/**
 * Our end of a connection to a server that we publish to, without a socket and without a clock. It asks as OBS and FFmpeg do (RTMP 1.0, section 7.2.2.6, and
 * releaseStream and FCPublish, which are written down nowhere and expected by many).
 */
export class RtmpClientSession {
  readonly #wire: RtmpWire
  readonly #address: RtmpAddress
  #isConnecting = false
  #isPublished = false
  #stream: number | null = null

  constructor(address: RtmpAddress, send: (bytes: Buffer) => void) {
    this.#address = address
    this.#wire = new RtmpWire('client', send)
  }

  /** The message stream that media goes into; null before there is one. */
  get stream(): number | null {
    return this.#stream
  }

  /** Bytes that the server has acknowledged. Few servers do so more often than once in 2.5 MB. */
  get deliveredBytes(): number {
    return this.#wire.deliveredBytes
  }

  /**
   * Takes bytes of the server.
   * @throws RtmpError or AmfError where they are not what they should be
   */
  *receive(bytes: Buffer): Generator<ClientEvent, void, undefined> {
    for (const message of this.#wire.receive(bytes)) {
      if (message.type !== MESSAGE.command && message.type !== MESSAGE.commandAmf3) continue
      const command = readCommand(message)
      const event = command && this.#heed(command)
      if (event) yield event
    }
    if (this.#wire.isOpen && !this.#isConnecting) this.#connect()
  }

  /** Says that nothing more comes (FCUnpublish, deleteStream). */
  end(): void {
    if (this.#stream === null) return
    this.#wire.command(0, 'FCUnpublish', ASKED.fcUnpublish, null, this.#address.key)
    this.#wire.command(0, 'deleteStream', ASKED.deleteStream, null, this.#stream)
  }

  #connect(): void {
    this.#isConnecting = true
    this.#wire.enlargeChunks()
    const tcUrl = tcUrlOf(this.#address)
    const object: AmfObject = new Map([
      ['app', this.#address.app],
      ['type', 'nonprivate'],
      ['flashVer', FLASH_VERSION],
      ['swfUrl', tcUrl],
      ['tcUrl', tcUrl],
    ])
    this.#wire.command(0, 'connect', ASKED.connect, object)
  }

  #heed(command: Command): ClientEvent | null {
    switch (command.name) {
      case '_result':
        return this.#answered(command)
      case '_error':
        return this.#denied(command)
      case 'onStatus':
        return this.#status(command)
      case 'close':
        return { kind: 'refused', reason: 'the server ended the connection' }
      default:
        return null
    }
  }

  #answered({ transaction, values }: Command): ClientEvent | null {
    if (transaction === ASKED.connect) {
      const { key } = this.#address
      this.#wire.command(0, 'releaseStream', ASKED.releaseStream, null, key)
      this.#wire.command(0, 'FCPublish', ASKED.fcPublish, null, key)
      this.#wire.command(0, 'createStream', ASKED.createStream, null)
    } else if (transaction === ASKED.createStream) {
      const [, stream] = values
      if (typeof stream !== 'number') throw new RtmpError('The server created a stream without a number.')
      this.#stream = stream
      this.#wire.command(stream, 'publish', ASKED.publish, null, this.#address.key, 'live')
    }
    return null
  }

  /** Servers that do not know them refuse releaseStream and FCPublish, which means nothing. */
  #denied({ transaction, values }: Command): ClientEvent | null {
    if (transaction === ASKED.releaseStream || transaction === ASKED.fcPublish) return null
    return { kind: 'refused', reason: reasonIn(values[1]) }
  }

  #status({ values }: Command): ClientEvent | null {
    const status = readStatus(values[1])
    if (status === null) return null
    if (status.code === 'NetStream.Publish.Start') {
      if (this.#isPublished) return null
      this.#isPublished = true
      return { kind: 'published' }
    }
    return status.isError ? { kind: 'refused', reason: reasonIn(values[1]) } : null
  }
}

/** What a server says is wrong. One that says to ask another server (`302`) is not followed: who is there was not looked at. */
function reasonIn(value: AmfValue): string {
  const status = readStatus(value)
  const isElsewhere = value instanceof Map && value.get('ex') instanceof Map
  if (isElsewhere) return 'the server says to publish to another one, which is not done'
  if (status === null) return 'the server refused it without a reason'
  return `the server refused it: ${[status.description, status.code].filter((text) => text !== '').join(' ')}`.slice(
    0,
    300,
  )
}
