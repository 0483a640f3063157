import type { Broadcast } from '../broadcast/broadcast.ts'
import type { FfmpegPurpose, Ffmpegs } from '../ffmpeg/ffmpegs.ts'
import { thumbnailJob } from '../ffmpeg/jobs.ts'
import { encodeFileHeader } from '../flv/tag.ts'

/** How old a picture may be before another one is made. */
const FRESH_MS = 4_000

/** A picture of a broadcast, as JPEG. */
interface Thumbnail {
  madeAt: number
  jpeg: Promise<Buffer | null>
}

/**
 * Small pictures of what is live. One is made when someone asks, out of the last keyframe alone, and is good for everyone who asks within
 * the next seconds.
 */
export class Thumbnails {
  readonly #ffmpegs: Ffmpegs
  readonly #made = new WeakMap<Broadcast, Thumbnail>()

  constructor(ffmpegs: Ffmpegs) {
    this.#ffmpegs = ffmpegs
  }

  /** The picture of a broadcast; null where it has none. */
  of(broadcast: Broadcast): Promise<Buffer | null> {
    const made = this.#made.get(broadcast)
    if (made && Date.now() - made.madeAt < FRESH_MS) return made.jpeg
    const jpeg = this.#make(broadcast)
    this.#made.set(broadcast, { madeAt: Date.now(), jpeg })
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
    const flv = Buffer.concat([encodeFileHeader({ video: true, audio: false }), header.bytes, keyframe.bytes])
    run.stdin.end(flv)
    await run.exited
    return pieces.length > 0 ? Buffer.concat(pieces) : null
  }
}
