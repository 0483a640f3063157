import { GrowingBuffer } from '../process/growing-buffer.ts'
import { TAG_HEADER_BYTES, TAG_TRAILER_BYTES, TAG_TYPE, type Tag, type TagType } from './tag.ts'
import { nearestTime } from './wrapped-time.ts'

/** Bytes before the first tag (annex E.2). */
export const FILE_HEADER_BYTES = 9 + TAG_TRAILER_BYTES

/**
 * Cuts a stream of FLV bytes into tags. A body is at most 16 MiB (its length has 24 bits), which bounds what is held.
 */
export class FlvReader {
  #rest = new GrowingBuffer()
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
    const data = this.#hold(bytes)
    let at = 0
    if (this.#tracks === null) {
      if (data.length < FILE_HEADER_BYTES) return
      if (data.toString('latin1', 0, 3) !== 'FLV') throw new Error('The stream does not begin with "FLV".')
      const flags = data.readUInt8(4)
      this.#tracks = { audio: (flags & 4) !== 0, video: (flags & 1) !== 0 }
      at = FILE_HEADER_BYTES
    }
    for (;;) {
      const tag = this.#tagAt(data, at)
      if (tag === null) break
      at += TAG_HEADER_BYTES + tag.body.length + TAG_TRAILER_BYTES
      yield tag
    }
    if (at === 0 && this.#rest.length > 0) return
    this.#rest = new GrowingBuffer()
    this.#rest.push(data.subarray(at))
  }

  #hold(bytes: Buffer): Buffer {
    if (this.#rest.length === 0 && this.#tracks !== null) return bytes
    this.#rest.push(bytes)
    return this.#rest.bytes
  }

  /** The tag at `at`; null where it is not whole. */
  #tagAt(data: Buffer, at: number): Tag | null {
    if (data.length < at + TAG_HEADER_BYTES) return null
    const bodyAt = at + TAG_HEADER_BYTES
    const bodyEnd = bodyAt + data.readUIntBE(at + 1, 3)
    if (data.length < bodyEnd + TAG_TRAILER_BYTES) return null
    const type = data.readUInt8(at)
    if (!isTagType(type)) throw new Error(`An FLV tag has type 8, 9 or 18, not ${type}.`)
    const written = data.readUIntBE(at + 4, 3) + data.readUInt8(at + 7) * 0x1000000
    const timestamp = nearestTime(this.#lastTime, written, WRAP)
    if (type !== TAG_TYPE.script) this.#lastTime = timestamp
    return { type, timestamp, body: data.subarray(bodyAt, bodyEnd) }
  }
}

/** Values of the 31 bits in which FFmpeg writes times: they begin again after 24 days. */
const WRAP = 0x80000000

function isTagType(type: number): type is TagType {
  return type === TAG_TYPE.audio || type === TAG_TYPE.video || type === TAG_TYPE.script
}
