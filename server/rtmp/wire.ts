import { type AmfValue, writeAmf } from './amf.ts'
import { ChunkReader, DEFAULT_CHUNK_BYTES } from './chunk-reader.ts'
import { CHUNK_STREAM, type MessageHead, OUT_CHUNK_BYTES, writeMessage } from './chunk-writer.ts'
import { answerHandshake, beginHandshake, finishHandshake, HANDSHAKE_BYTES } from './handshake.ts'
import { MESSAGE, RtmpError, type RtmpMessage, readUint32, USER_CONTROL, uint32Body } from './messages.ts'

/** Largest message before somebody was let in: commands, and what they bring. */
const MAX_COMMAND_BYTES = 64 * 1024

/** Largest message of media: what 24 bits can say, as in FLV. */
export const MAX_MEDIA_BYTES = 0xffffff

/** What the peer is asked to acknowledge, in bytes. */
export const WINDOW_BYTES = 2_500_000

/** A window that a peer asks for is not smaller: each acknowledgement costs a write. */
const MIN_WINDOW_BYTES = 4_096

/** An acknowledgement of more than this at once is none. */
const MAX_STEP_BYTES = 0x80000000

/**
 * One end of a connection of RTMP, without a socket and without a clock: handshake, chunks, acknowledgements and pings (RTMP 1.0, sections 5.2 to 5.4).
 * It hands on all other messages.
 */
export class RtmpWire {
  readonly #role: 'server' | 'client'
  readonly #send: (bytes: Buffer) => void
  readonly #reader = new ChunkReader(MAX_COMMAND_BYTES)
  /** What came of the handshake; null when that is over. */
  #handshake: Buffer | null = Buffer.alloc(0)
  /** Bytes of the handshake that are still to come and say nothing. */
  #toSkip = 0
  #chunkBytes = DEFAULT_CHUNK_BYTES
  #received = 0
  #acknowledged = 0
  #window: number | null = null
  #delivered = 0

  /** `send` takes what goes to the peer, in order. */
  constructor(role: 'server' | 'client', send: (bytes: Buffer) => void) {
    this.#role = role
    this.#send = send
    if (role === 'client') send(beginHandshake())
  }

  /** Bytes that the peer has acknowledged (section 5.4.3), the handshake not among them. */
  get deliveredBytes(): number {
    return this.#delivered
  }

  /** Whether the handshake is over as far as this end needs it. */
  get isOpen(): boolean {
    return this.#handshake === null
  }

  /** Bytes that are held for what is not whole. */
  get heldBytes(): number {
    return (this.#handshake?.length ?? 0) + this.#reader.unfinishedBytes
  }

  /** Takes messages as large as media may be, from now on. */
  takeMedia(): void {
    this.#reader.maxMessageBytes = MAX_MEDIA_BYTES
  }

  /**
   * Takes bytes of the peer and gives the messages that are whole now.
   * @throws RtmpError where they are not RTMP
   */
  *receive(bytes: Buffer): Generator<RtmpMessage, void, undefined> {
    const rest = this.#handshake === null ? bytes : this.#shakeHands(this.#handshake, bytes)
    if (rest.length === 0) return
    const skipped = Math.min(this.#toSkip, rest.length)
    this.#toSkip -= skipped
    this.#received += rest.length - skipped
    for (const message of this.#reader.read(rest.subarray(skipped))) {
      if (!this.#heed(message)) yield message
    }
    this.#acknowledge()
  }

  /** Sends a message. */
  write(head: MessageHead, body: Buffer): void {
    this.#send(Buffer.concat(writeMessage(head, body, this.#chunkBytes)))
  }

  /** Sends a command (section 7.1.1) in a message stream; 0 for one about the connection. */
  command(stream: number, name: string, transaction: number, ...values: AmfValue[]): void {
    const head = { chunkStream: CHUNK_STREAM.command, type: MESSAGE.command, stream, timestamp: 0 }
    this.write(head, writeAmf(name, transaction, ...values))
  }

  /** Sends a message of the protocol itself. */
  control(type: number, body: Buffer): void {
    this.write({ chunkStream: CHUNK_STREAM.protocol, type, stream: 0, timestamp: 0 }, body)
  }

  /** Sends an event of user control about a stream (section 7.1.7). */
  userControl(event: number, value: number): void {
    const body = Buffer.alloc(6)
    body.writeUInt16BE(event)
    body.writeUInt32BE(value, 2)
    this.control(MESSAGE.userControl, body)
  }

  /** Tells the peer that chunks are large from now on. */
  enlargeChunks(): void {
    this.control(MESSAGE.setChunkSize, uint32Body(OUT_CHUNK_BYTES))
    this.#chunkBytes = OUT_CHUNK_BYTES
  }

  /** Goes on with the handshake; gives what comes behind it. */
  #shakeHands(before: Buffer, bytes: Buffer): Buffer {
    // Something else than RTMP is told at its first byte.
    const data = before.length === 0 ? bytes : Buffer.concat([before, bytes])
    if (data.length > 0 && data[0] !== 3) throw new RtmpError('This is no RTMP, or one that is encrypted (RTMPE).')
    if (data.length < 1 + HANDSHAKE_BYTES) {
      this.#handshake = Buffer.from(data)
      return Buffer.alloc(0)
    }
    this.#handshake = null
    const own = data.subarray(0, 1 + HANDSHAKE_BYTES)
    this.#send(this.#role === 'server' ? answerHandshake(own) : finishHandshake(own))
    // C2, or S2, repeats what it was sent: nothing depends on it.
    this.#toSkip = HANDSHAKE_BYTES
    return data.subarray(own.length)
  }

  /** Whether a message was for the connection alone. */
  #heed({ type, body }: RtmpMessage): boolean {
    switch (type) {
      case MESSAGE.setChunkSize:
      case MESSAGE.abort:
        return true
      case MESSAGE.acknowledgement:
        this.#noteDelivered(readUint32(body))
        return true
      case MESSAGE.windowAckSize:
        this.#window = Math.max(MIN_WINDOW_BYTES, readUint32(body))
        return true
      case MESSAGE.setPeerBandwidth:
        // It is to be answered with a window of that size (section 5.4.5).
        this.control(MESSAGE.windowAckSize, uint32Body(readUint32(body)))
        return true
      case MESSAGE.userControl:
        if (body.length >= 6 && body.readUInt16BE(0) === USER_CONTROL.pingRequest)
          this.userControl(USER_CONTROL.pingResponse, body.readUInt32BE(2))
        return true
      default:
        return false
    }
  }

  /** The number that a peer sends begins again after 4 GiB. One that goes back says nothing. */
  #noteDelivered(sequence: number): void {
    const more = (sequence - this.#delivered) >>> 0
    if (more < MAX_STEP_BYTES) this.#delivered += more
  }

  #acknowledge(): void {
    if (this.#window === null || this.#received - this.#acknowledged < this.#window) return
    this.#acknowledged = this.#received
    this.control(MESSAGE.acknowledgement, uint32Body(this.#received))
  }
}
