import type { Broadcast } from '../broadcast/broadcast.ts'
import type { FfmpegPurpose, Ffmpegs } from '../ffmpeg/ffmpegs.ts'
import { thumbnailJob } from '../ffmpeg/jobs.ts'
import { encodeFileHeader } from '../flv/tag.ts'

/** How old a picture may be before another one is made. */
const FRESH_MS = 4_000

/** How long making one may take. */
const MAX_MS = 5_000

/** How many are made at a time. */
const AT_A_TIME = 2

/** A picture of a broadcast, as JPEG. `madeAt`: null while it is made. */
interface Thumbnail {
  madeAt: number | null
  jpeg: Promise<Buffer | null>
}

/**
 * Small pictures of what is live. One is made when someone asks, out of the last keyframe alone, and is good for everyone who asks until
 * some seconds after it is there.
 */
export class Thumbnails {
  readonly #ffmpegs: Ffmpegs
  readonly #made = new WeakMap<Broadcast, Thumbnail>()
  /** What is made, one after the other in each of them. */
  readonly #lanes: Promise<unknown>[] = Array.from({ length: AT_A_TIME }, () => Promise.resolve())
  #nextLane = 0

  constructor(ffmpegs: Ffmpegs) {
    this.#ffmpegs = ffmpegs
  }

  /** The picture of a broadcast; null where it has none. */
  of(broadcast: Broadcast): Promise<Buffer | null> {
    const made = this.#made.get(broadcast)
    if (made && (made.madeAt === null || performance.now() - made.madeAt < FRESH_MS)) return made.jpeg
    const lane = this.#nextLane++ % AT_A_TIME
    const jpeg = (this.#lanes[lane] ?? Promise.resolve()).then(() => this.#make(broadcast))
    const thumbnail: Thumbnail = { madeAt: null, jpeg }
    this.#made.set(broadcast, thumbnail)
    this.#lanes[lane] = jpeg
      .catch(() => {})
      .finally(() => {
        thumbnail.madeAt = performance.now()
      })
    return jpeg
  }

  async #make(broadcast: Broadcast): Promise<Buffer | null> {
    const tags = broadcast.joining()
    const keyframe = tags.find(({ kind }) => kind === 'keyframe')
    const header = tags.find(({ kind }) => kind === 'video-header')
    if (!keyframe || !header) return null
    const pieces: Buffer[] = []
    const purpose: FfmpegPurpose = { use: 'picture', stream: broadcast.name, name: null }
    const run = await this.#ffmpegs.run(thumbnailJob(), purpose, { onOutput: (bytes) => void pieces.push(bytes) })
    const patience = setTimeout(() => run.kill('SIGKILL'), MAX_MS)
    const flv = Buffer.concat([encodeFileHeader({ video: true, audio: false }), header.bytes, keyframe.bytes])
    run.stdin.end(flv)
    await run.exited
    clearTimeout(patience)
    return pieces.length > 0 ? Buffer.concat(pieces) : null
  }
}
