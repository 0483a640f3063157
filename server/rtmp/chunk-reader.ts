import { MESSAGE, RtmpError, type RtmpMessage, readUint32 } from './messages.ts'

/** Chunk streams of one connection: encoders use five. */
const MAX_CHUNK_STREAMS = 64

/** What the pieces of unfinished messages may take besides one message of the largest size. */
const UNFINISHED_BYTES = 1024 * 1024

/** Bytes of a chunk before anything is said about its size (RTMP 1.0, section 5.4.1). */
export const DEFAULT_CHUNK_BYTES = 128

/** A timestamp of 24 bits that says: the real one follows, in 32 (section 5.3.1.3). */
export const EXTENDED = 0xffffff

/** Bytes of a message header by the format of its chunk (section 5.3.1.2). */
const HEADER_BYTES = [11, 7, 3, 0] as const

/** What is known of a chunk stream: the header of its last message, and what came of an unfinished one. */
interface ChunkStream {
  timestamp: number
  delta: number
  /** The extended timestamp of its last header, which chunks without a header repeat; null for none. */
  extended: number | null
  length: number
  type: number
  stream: number
  /** Room for the message that is not whole yet; null for none. */
  room: Buffer | null
  filled: number
}

/** Where the header of the next chunk ends, and what it says. */
interface ChunkHead {
  format: number
  id: number
  end: number
}

/**
 * Puts messages together from the chunks of a connection (RTMP 1.0, section 5.3). It heeds the messages that change how chunks are read, and hands those
 * on as well. A message costs memory as its bytes come, not as its header announces it.
 */
export class ChunkReader {
  /** The largest message that is taken. */
  maxMessageBytes: number
  #chunkBytes = DEFAULT_CHUNK_BYTES
  readonly #streams = new Map<number, ChunkStream>()
  /** Bytes of a chunk header that is not whole yet. */
  #rest: Buffer = Buffer.alloc(0)
  /** The chunk whose payload comes next, and how many bytes of it are missing. */
  #current: { stream: ChunkStream; missing: number } | null = null
  #unfinished = 0

  constructor(maxMessageBytes: number) {
    this.maxMessageBytes = maxMessageBytes
  }

  /** Bytes that are held for messages that are not whole. */
  get unfinishedBytes(): number {
    return this.#unfinished + this.#rest.length
  }

  /**
   * Takes the next bytes and gives the messages that are whole now.
   * @throws RtmpError where they are no chunks, or exceed a bound
   */
  *read(bytes: Buffer): Generator<RtmpMessage, void, undefined> {
    const data = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes])
    this.#rest = Buffer.alloc(0)
    let at = 0
    for (;;) {
      if (this.#current === null) {
        const head = this.#readHead(data, at)
        if (head === null) break
        at = head.end
        this.#current = this.#beginChunk(head)
      }
      const { stream, missing } = this.#current
      const taken = Math.min(missing, data.length - at)
      const piece = data.subarray(at, at + taken)
      at += taken
      const isChunkOver = taken === missing
      this.#current = isChunkOver ? null : { stream, missing: missing - taken }
      const body = this.#add(stream, piece)
      if (body) {
        const message = { type: stream.type, stream: stream.stream, timestamp: stream.timestamp, body }
        this.#heed(message)
        yield message
      } else if (!isChunkOver) return
    }
    // A copy: what is left would keep all of the bytes.
    this.#rest = Buffer.from(data.subarray(at))
  }

  /** The header of the chunk at `at` (sections 5.3.1.1 to 5.3.1.3); null where it is not whole. */
  #readHead(data: Buffer, at: number): ChunkHead | null {
    const first = data[at]
    if (first === undefined) return null
    const format = first >> 6
    const low = first & 0x3f
    const idBytes = low === 0 ? 2 : low === 1 ? 3 : 1
    const headerAt = at + idBytes
    const end = headerAt + (HEADER_BYTES[format] ?? 0)
    if (data.length < end) return null
    const id =
      low === 0 ? 64 + (data[at + 1] ?? 0) : low === 1 ? 64 + (data[at + 1] ?? 0) + (data[at + 2] ?? 0) * 256 : low
    const known = this.#streams.get(id)
    if (format === 3) return this.#readBareHead(data, { format, id, end }, known)
    const written = data.readUIntBE(headerAt, 3)
    const extended = written === EXTENDED
    if (extended && data.length < end + 4) return null
    const time = extended ? data.readUInt32BE(end) : written
    const stream = known ?? this.#open(id, format)
    if (stream.room) throw new RtmpError('A message begins before the one before it is whole.')
    stream.extended = extended ? time : null
    stream.delta = time
    stream.timestamp = format === 0 ? time : (stream.timestamp + time) >>> 0
    if (format <= 1) {
      stream.length = data.readUIntBE(headerAt + 3, 3)
      stream.type = data.readUInt8(headerAt + 6)
      if (stream.length > this.maxMessageBytes) {
        throw new RtmpError(
          `A message has ${stream.length} bytes, and at most ${this.maxMessageBytes} are taken at this point.`,
        )
      }
    }
    if (format === 0) stream.stream = data.readUInt32LE(headerAt + 7)
    return { format, id, end: extended ? end + 4 : end }
  }

  /** A chunk without a header goes on with a message, or begins one like the last. */
  #readBareHead(data: Buffer, head: ChunkHead, stream: ChunkStream | undefined): ChunkHead | null {
    if (!stream) throw new RtmpError(`The chunk stream ${head.id} begins with a chunk without a header.`)
    let { end } = head
    if (stream.extended !== null) {
      // Old encoders leave out the timestamp that the specification wants here; what they write instead is hardly the same.
      if (data.length < end + 4) return null
      if (data.readUInt32BE(end) === stream.extended) end += 4
    }
    if (stream.room === null) stream.timestamp = (stream.timestamp + stream.delta) >>> 0
    return { ...head, end }
  }

  #open(id: number, format: number): ChunkStream {
    // Some begin with a delta, from 0.
    if (format > 1) throw new RtmpError(`The chunk stream ${id} begins with a chunk without a length.`)
    if (this.#streams.size >= MAX_CHUNK_STREAMS)
      throw new RtmpError(`There are more than ${MAX_CHUNK_STREAMS} chunk streams.`)
    const nothing = { timestamp: 0, delta: 0, extended: null, length: 0, type: 0, stream: 0 }
    const stream: ChunkStream = { ...nothing, room: null, filled: 0 }
    this.#streams.set(id, stream)
    return stream
  }

  #beginChunk({ id }: ChunkHead): { stream: ChunkStream; missing: number } {
    const stream = this.#streams.get(id)
    if (!stream) throw new RtmpError(`There is no chunk stream ${id}.`)
    return { stream, missing: Math.min(this.#chunkBytes, stream.length - stream.filled) }
  }

  /** Adds a piece of a message; gives the message where it is whole now. */
  #add(stream: ChunkStream, piece: Buffer): Buffer | null {
    const filled = stream.filled + piece.length
    if (stream.room === null && filled === stream.length) return piece
    const room = this.#roomFor(stream, filled)
    piece.copy(room, stream.filled)
    stream.filled = filled
    if (filled < stream.length) return null
    this.#drop(stream)
    return room.subarray(0, filled)
  }

  #roomFor(stream: ChunkStream, needed: number): Buffer {
    const { room } = stream
    if (room && room.length >= needed) return room
    const size = Math.min(stream.length, Math.max(2 * needed, 1024))
    this.#unfinished += size - (room?.length ?? 0)
    if (this.#unfinished > this.maxMessageBytes + UNFINISHED_BYTES)
      throw new RtmpError('Too many messages are unfinished.')
    const larger = Buffer.allocUnsafeSlow(size)
    room?.copy(larger, 0, 0, stream.filled)
    stream.room = larger
    return larger
  }

  #drop(stream: ChunkStream): void {
    this.#unfinished -= stream.room?.length ?? 0
    stream.room = null
    stream.filled = 0
  }

  /** Protocol control messages for the chunks themselves (sections 5.4.1 and 5.4.2). */
  #heed({ type, body }: RtmpMessage): void {
    if (type === MESSAGE.setChunkSize) {
      const size = readUint32(body) & 0x7fffffff
      if (size === 0) throw new RtmpError('The size of chunks is 0.')
      this.#chunkBytes = Math.min(size, 0xffffff)
    } else if (type === MESSAGE.abort) {
      const stream = this.#streams.get(readUint32(body))
      if (!stream) return
      this.#drop(stream)
    }
  }
}
