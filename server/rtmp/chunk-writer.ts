import { EXTENDED } from './chunk-reader.ts'

/** Bytes of our chunks: few pictures need more than one. FFmpeg writes them as large, so servers take them. */
export const OUT_CHUNK_BYTES = 60_000

/** Chunk streams that messages go in, as nearly everybody has them: 2 for the protocol (RTMP 1.0, section 5.4). */
export const CHUNK_STREAM = { protocol: 2, command: 3, audio: 4, data: 5, video: 6 } as const

/** Where a message goes, and what it is. */
export interface MessageHead {
  chunkStream: number
  type: number
  stream: number
  /** In ms. Of more than 32 bits, the lower ones are written. */
  timestamp: number
}

/**
 * The pieces of one message: chunk headers, and between them the body, which is not copied. Each has the whole header (type 0, section 5.3.1.2.1) and so
 * depends on nothing before it: many connections can be given the same bytes.
 * @param chunkBytes what the peer was told last
 */
export function writeMessage(head: MessageHead, body: Buffer, chunkBytes = OUT_CHUNK_BYTES): Buffer[] {
  const time = head.timestamp >>> 0
  const isExtended = time >= EXTENDED
  const header = Buffer.allocUnsafe(isExtended ? 16 : 12)
  header[0] = head.chunkStream
  header.writeUIntBE(isExtended ? EXTENDED : time, 1, 3)
  header.writeUIntBE(body.length, 4, 3)
  header[7] = head.type
  header.writeUInt32LE(head.stream, 8)
  if (isExtended) header.writeUInt32BE(time, 12)
  if (body.length <= chunkBytes) return [header, body]
  const next = isExtended
    ? Buffer.concat([Buffer.from([0xc0 | head.chunkStream]), header.subarray(12)])
    : BARE[head.chunkStream]
  const pieces = [header, body.subarray(0, chunkBytes)]
  for (let at = chunkBytes; at < body.length; at += chunkBytes) {
    pieces.push(next ?? Buffer.from([0xc0 | head.chunkStream]), body.subarray(at, at + chunkBytes))
  }
  return pieces
}

/** Headers of chunks that go on with a message, by their chunk stream. */
const BARE = Array.from({ length: 64 }, (_, id) => Buffer.from([0xc0 | id]))
