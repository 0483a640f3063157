import type { RecorderContainer } from '../../shared/recorder-type.ts'
import type { Tracks } from '../ffmpeg/job.ts'
import { GrowingBuffer } from '../process/growing-buffer.ts'
import { HEADER_BYTES, headerTooLong, MAX_ELEMENTS_BETWEEN, unsupported } from './bounds.ts'
import { MatroskaScanner } from './matroska-scanner.ts'
import { Mp4Scanner } from './mp4-scanner.ts'
import { Quota } from './quota.ts'
import type { Point, Scanner, Seen } from './scanner.ts'
import { Times } from './times.ts'

/** What comes of the bytes of a recording, in order. */
export type Part =
  /** The header says what the recording holds. */
  | { kind: 'tracks'; tracks: Tracks }
  /**
   * From here on it can be read by someone who gets `before` first: at its beginning, and where its time jumps. `offset`: of what follows, in
   * bytes from the beginning of the recording. `jump`: null at the beginning, else what is said of it.
   */
  | { kind: 'begin'; header: Buffer; prefix: Buffer; offset: number; jump: string | null }
  /** Bytes to hand on, and the places in them, or before, where one can begin. */
  | { kind: 'bytes'; bytes: Buffer; points: Point[] }

/** Elements that are looked at before what they hold is handed on: a millisecond of work. */
const LOOKS_AT_ONCE = 500

const NOTHING = Buffer.alloc(0)

/**
 * Reads a recording as it comes, however it is cut, once: it looks at each element a single time, and holds no more than the header, or one element
 * that is not whole enough to be known.
 */
export class RecordingReader {
  /** Tracks whose gaps FFmpeg would fill: it is to begin anew behind a long one. */
  readonly filled = { video: false, audio: false }
  readonly #scanner: Scanner
  readonly #times = new Times(this.filled)
  /** What came and was not handed on. */
  #held = new GrowingBuffer()
  /** Place of the first held byte in the recording. */
  #offset = 0
  /** Place of the next element to look at. */
  #next = 0
  #header: Buffer | null = null
  #hasTracks = false
  /** Elements since the last piece of media. */
  #elements = 0
  readonly #quota = new Quota()

  constructor(container: RecorderContainer) {
    this.#scanner = container === 'matroska' ? new MatroskaScanner() : new Mp4Scanner()
  }

  /** Whether something came that is no whole header yet. */
  get isInHeader(): boolean {
    return this.#header === null && this.#held.length > 0
  }

  /** How much of the recording was read since its beginning, or since its time last jumped, in ms of its own. */
  get span(): number {
    return this.#times.span
  }

  /**
   * Takes the next bytes.
   * @throws GatewayError `unsupported_media` for what is no such recording, is damaged, or has more of something than any recorder writes
   */
  *read(bytes: Uint8Array): Generator<Part, void, undefined> {
    const data = this.#hold(bytes)
    let points: Point[] = []
    /** What was handed on of `data`. */
    let done = 0
    let looked = 0
    while (this.#next < this.#offset + data.length) {
      const at = this.#next - this.#offset
      const seen = this.#scanner.see(data, at, this.#next)
      if (seen === 'incomplete') break
      this.#count(seen)
      if (seen.tracks) yield { kind: 'tracks', tracks: this.#checked(seen.tracks) }
      const jump = seen.pieces ? this.#times.see(seen.pieces) : null
      if (seen.isMedia && this.#header === null) {
        this.#header = Buffer.from(data.subarray(0, at))
        done = at
        yield { kind: 'begin', header: this.#header, prefix: NOTHING, offset: this.#next, jump: null }
      }
      if (jump !== null && this.#header !== null) {
        if (at > done) yield { kind: 'bytes', bytes: data.subarray(done, at), points }
        points = []
        done = at
        yield { kind: 'begin', header: this.#header, prefix: seen.prefix?.() ?? NOTHING, offset: this.#next, jump }
      } else if (seen.point) points.push(seen.point)
      this.#next += seen.skip
      if (this.#header !== null && ++looked % LOOKS_AT_ONCE === 0) {
        const to = Math.min(this.#next - this.#offset, data.length)
        yield { kind: 'bytes', bytes: data.subarray(done, to), points }
        points = []
        done = to
      }
    }
    if (this.#header === null) return this.#checkHeader(data.length)
    const end = Math.min(this.#next - this.#offset, data.length)
    if (end > done) yield { kind: 'bytes', bytes: data.subarray(done, end), points }
    this.#held = new GrowingBuffer()
    if (end < data.length) this.#held.push(data.subarray(end))
    this.#offset += end
  }

  #hold(bytes: Uint8Array): Buffer {
    if (this.#held.length === 0 && this.#header !== null) {
      return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    }
    this.#held.push(bytes)
    return this.#held.bytes
  }

  #count(seen: Seen): void {
    if (!Number.isSafeInteger(seen.skip) || seen.skip <= 0)
      throw unsupported('The recording has an element without an end.')
    this.#quota.take(1 + (seen.pieces ?? []).reduce((sum, { count }) => sum + count, 0))
    this.#elements = seen.isMedia ? 0 : this.#elements + 1
    if (this.#elements > MAX_ELEMENTS_BETWEEN) {
      throw unsupported(`The recording has more than ${MAX_ELEMENTS_BETWEEN} elements in a row that are no media.`)
    }
  }

  #checked(tracks: Tracks): Tracks {
    if (tracks.video === null && tracks.audio === null) {
      throw unsupported('The recording has neither a picture nor sound.')
    }
    this.#hasTracks = true
    return tracks
  }

  #checkHeader(length: number): void {
    if (length <= HEADER_BYTES && this.#next <= this.#offset + 2 * HEADER_BYTES) return
    if (!this.#hasTracks) throw headerTooLong()
    throw unsupported(`The recording has more than ${HEADER_BYTES} bytes between its header and its media.`)
  }
}
