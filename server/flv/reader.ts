import { TAG_HEADER_BYTES, TAG_TRAILER_BYTES, TAG_TYPE, type Tag, type TagType } from './tag.ts'

/** Bytes before the first tag (annex E.2). */
export const FILE_HEADER_BYTES = 9 + TAG_TRAILER_BYTES

/**
 * Cuts a stream of FLV bytes into tags. A body is at most 16 MiB (its length has 24 bits), which bounds what is held.
 */
export class FlvReader {
  #rest: Buffer = Buffer.alloc(0)
  #tracks: { audio: boolean; video: boolean } | null = null

  /** Which tracks the file header announces (annex E.2); null before it is read. */
  get tracks(): { audio: boolean; video: boolean } | null {
    return this.#tracks
  }

  /**
   * Takes the next bytes and gives the tags that are whole now. Bodies may share memory with `bytes`.
   * @throws Error where the bytes are not FLV
   */
  *read(bytes: Buffer): Generator<Tag, void, undefined> {
    this.#rest = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes])
    if (this.#tracks === null) {
      if (this.#rest.length < FILE_HEADER_BYTES) return
      if (this.#rest.toString('latin1', 0, 3) !== 'FLV') throw new Error('The stream does not begin with "FLV".')
      const flags = this.#rest.readUInt8(4)
      this.#tracks = { audio: (flags & 4) !== 0, video: (flags & 1) !== 0 }
      this.#rest = this.#rest.subarray(FILE_HEADER_BYTES)
    }
    for (;;) {
      if (this.#rest.length < TAG_HEADER_BYTES) return
      const size = this.#rest.readUIntBE(1, 3)
      const end = TAG_HEADER_BYTES + size + TAG_TRAILER_BYTES
      if (this.#rest.length < end) return
      const type = this.#rest.readUInt8(0)
      const timestamp = signed(this.#rest.readUIntBE(4, 3) + this.#rest.readUInt8(7) * 0x1000000)
      const body = this.#rest.subarray(TAG_HEADER_BYTES, TAG_HEADER_BYTES + size)
      this.#rest = this.#rest.subarray(end)
      if (!isTagType(type)) throw new Error(`An FLV tag has type 8, 9 or 18, not ${type}.`)
      yield { type, timestamp, body }
    }
  }
}

/** FFmpeg writes a time below zero, as of an encoder's first samples, in 31 bits. */
function signed(timestamp: number): number {
  return timestamp >= 0x40000000 ? (timestamp & 0x7fffffff) - 0x80000000 : timestamp
}

function isTagType(type: number): type is TagType {
  return type === TAG_TYPE.audio || type === TAG_TYPE.video || type === TAG_TYPE.script
}
