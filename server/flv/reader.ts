import { TAG_HEADER_BYTES, TAG_TRAILER_BYTES, TAG_TYPE, type Tag, type TagType } from './tag.ts'

/** Bytes before the first tag (annex E.2). */
export const FILE_HEADER_BYTES = 9 + TAG_TRAILER_BYTES

/**
 * Cuts a stream of FLV bytes into tags. A body is at most 16 MiB (its length has 24 bits), which bounds what is held.
 */
export class FlvReader {
  #rest: Buffer = Buffer.alloc(0)
  #tracks: { audio: boolean; video: boolean } | null = null
  /** Of the last picture or sound, in ms. */
  #lastTime = 0

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
      const timestamp = nearest(this.#lastTime, this.#rest.readUIntBE(4, 3) + this.#rest.readUInt8(7) * 0x1000000)
      const body = this.#rest.subarray(TAG_HEADER_BYTES, TAG_HEADER_BYTES + size)
      this.#rest = this.#rest.subarray(end)
      if (!isTagType(type)) throw new Error(`An FLV tag has type 8, 9 or 18, not ${type}.`)
      if (type !== TAG_TYPE.script) this.#lastTime = timestamp
      yield { type, timestamp, body }
    }
  }
}

/** Values of the 31 bits in which FFmpeg writes times: they begin again after 24 days. */
const WRAP = 0x80000000

/** The time nearest to `last` that is written as `written`. One below zero, as of an encoder's first samples, is near the wrap. */
function nearest(last: number, written: number): number {
  const ahead = (((written - last) % WRAP) + WRAP) % WRAP
  return last + (ahead >= WRAP / 2 ? ahead - WRAP : ahead)
}

function isTagType(type: number): type is TagType {
  return type === TAG_TYPE.audio || type === TAG_TYPE.video || type === TAG_TYPE.script
}
