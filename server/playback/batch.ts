import type { BusTag } from '../flv/gop-cache.ts'
import { playedMessage } from '../rtmp/media-message.ts'
import { MEDIA_STREAM } from '../rtmp/server-session.ts'

/** Tags that go to all viewers at once: their bytes are put together once for each way of sending them. */
export class Batch {
  /** Whether someone who missed what came before can go on here: a keyframe, or sound where there is no picture. */
  readonly isEntry: boolean
  readonly #tags: readonly BusTag[]
  #plain: Buffer | null = null
  #message: Buffer | null = null
  #rtmp: Buffer | null = null

  constructor(tags: readonly BusTag[], hasVideo: boolean) {
    this.#tags = tags
    this.isEntry = tags.some(({ kind }) => kind === 'keyframe' || (!hasVideo && kind === 'audio'))
  }

  /** The tags, one after the other. */
  get plain(): Buffer {
    this.#plain ??= Buffer.concat(this.#tags.map(({ bytes }) => bytes))
    return this.#plain
  }

  /** The tags as one binary message of a WebSocket. */
  get message(): Buffer {
    this.#message ??= Buffer.concat([messageHeader(this.plain.length), this.plain])
    return this.#message
  }

  /** The tags as messages of RTMP. */
  get rtmp(): Buffer {
    this.#rtmp ??= Buffer.concat(this.#tags.flatMap((tag) => playedMessage(tag, MEDIA_STREAM)))
    return this.#rtmp
  }
}

/** The frame header of a whole binary message of `length` bytes from a server (RFC 6455, 5.2): not masked. */
export function messageHeader(length: number): Buffer {
  if (length < 126) return Buffer.from([0x82, length])
  if (length < 0x10000) return Buffer.from([0x82, 126, length >> 8, length & 0xff])
  const header = Buffer.alloc(10)
  header.writeUInt16BE(0x827f)
  header.writeBigUInt64BE(BigInt(length), 2)
  return header
}
