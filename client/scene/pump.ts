import { redrawn } from '../video-frames.ts'
import { type CardSize, drawCard } from './card.ts'

/** How often it is looked whether a picture came. */
const TICK_MS = 100
/** After so long without a picture the last one is shown again: players stop where pictures do. A card is shown five times a second. */
const REPEAT_MS = { pictures: 500, card: 200 }
/** How often a picture of a camera is copied for that: one that is kept itself is missing from the few that a camera has. */
const COPY_MS = 1_000
/** Times that are further from the clock than this are counted anew. */
const DRIFT_US = 500_000

/** A MediaStreamTrackProcessor. */
interface PictureSource {
  readable: ReadableStream<VideoFrame>
}

/**
 * Brings pictures of one source after the other into one track that never ends, with times that only go forward: those of the source, on this clock.
 * Where none come, the last one is repeated.
 */
export class PicturePump {
  readonly #onOver: () => void
  readonly #writer: WritableStreamDefaultWriter<VideoFrame>
  /** What is shown. Without a reference to it, its pictures end with the next garbage collection. */
  #source: PictureSource | null = null
  #reader: ReadableStreamDefaultReader<VideoFrame> | null = null
  /** What is repeated: the last picture, or of a camera one of the last second. */
  #last: VideoFrame | null = null
  #copiedAt = Number.NEGATIVE_INFINITY
  #isCamera = false
  readonly #canvas = new OffscreenCanvas(2, 2)
  /** The time of the last picture, in µs; null before the first one. Times are those of the first source: Chromium records by what cameras say. */
  #lastTime: number | null = null
  /** When it was written, by `performance.now()`. */
  #lastAt = 0
  #isCard = false
  readonly #timer: ReturnType<typeof setInterval>

  /** `onOver` is called when the pictures that are shown have ended, and all of them went out. */
  constructor(sink: WritableStream<VideoFrame>, onOver: () => void) {
    this.#onOver = onOver
    this.#writer = sink.getWriter()
    this.#timer = setInterval(() => this.#tick(), TICK_MS)
  }

  /** Goes on with these pictures, from the first one that comes. */
  show(source: PictureSource, isCamera: boolean): void {
    this.#leave()
    this.#isCamera = isCamera
    this.#copiedAt = Number.NEGATIVE_INFINITY
    this.#source = source
    this.#reader = source.readable.getReader()
    void this.#read(source, this.#reader)
  }

  /** Goes on with a card in the size of the last picture, or in `size` where there was none. */
  card(text: string, size: CardSize): void {
    this.#leave()
    const cardSize = this.#last ? { width: this.#last.displayWidth, height: this.#last.displayHeight } : size
    const canvas = new OffscreenCanvas(cardSize.width, cardSize.height)
    const context = canvas.getContext('2d', { alpha: false })
    if (!context) return
    drawCard(context, text, cardSize)
    this.#isCard = true
    this.#isCamera = false
    this.#write(new VideoFrame(canvas, { timestamp: 0, alpha: 'discard' }), this.#now)
  }

  close(): void {
    clearInterval(this.#timer)
    this.#leave()
    this.#last?.close()
    this.#last = null
    void this.#writer.close().catch(() => {})
  }

  #leave(): void {
    const reader = this.#reader
    this.#source = null
    this.#reader = null
    void reader?.cancel().catch(() => {})
  }

  async #read(source: PictureSource, reader: ReadableStreamDefaultReader<VideoFrame>): Promise<void> {
    let offset: number | null = null
    for (;;) {
      const { value: picture } = await reader.read().catch(() => ({ value: undefined }))
      if (!picture) {
        if (source === this.#source) this.#onOver()
        return
      }
      if (source !== this.#source) return picture.close()
      this.#isCard = false
      const clock = this.#lastTime === null ? picture.timestamp : this.#now
      if (offset === null || Math.abs(picture.timestamp + offset - clock) > DRIFT_US) offset = clock - picture.timestamp
      this.#write(isToBeScaled(picture) ? this.#scaled(picture) : picture, picture.timestamp + offset)
    }
  }

  /** Hands on `picture`, which is closed. */
  #write(picture: VideoFrame, time: number): void {
    this.#lastTime = Math.max(Math.round(time), (this.#lastTime ?? 0) + 1_000)
    this.#lastAt = performance.now()
    const sent = new VideoFrame(picture, { timestamp: this.#lastTime })
    this.#keep(picture)
    // The track is stopped where nobody takes it any more.
    this.#writer.write(sent).catch(() => sent.close())
  }

  /** The same picture in the size that it is shown in; `picture` is closed. */
  #scaled(picture: VideoFrame): VideoFrame {
    const { timestamp } = picture
    const scaled = copied(picture, timestamp, this.#canvas)
    picture.close()
    return scaled
  }

  #keep(picture: VideoFrame): void {
    if (!this.#isCamera) {
      this.#last?.close()
      this.#last = picture
      return
    }
    if (this.#lastAt - this.#copiedAt >= COPY_MS) {
      this.#copiedAt = this.#lastAt
      this.#last?.close()
      this.#last = copied(picture, 0, this.#canvas)
    }
    picture.close()
  }

  #tick(): void {
    const due = this.#isCard ? REPEAT_MS.card : REPEAT_MS.pictures
    if (this.#last && performance.now() - this.#lastAt >= due)
      this.#write(copied(this.#last, 0, this.#canvas), this.#now)
  }

  /** The time now, as pictures count it. */
  get #now(): number {
    if (this.#lastTime === null) return performance.now() * 1_000
    return this.#lastTime + (performance.now() - this.#lastAt) * 1_000
  }
}

/** A camera that two pages use has one size, and a smaller one to be shown in for one of them: Chromium would record the larger one. */
function isToBeScaled({ visibleRect, displayWidth, displayHeight }: VideoFrame): boolean {
  return visibleRect !== null && visibleRect.width * visibleRect.height > displayWidth * displayHeight
}

/**
 * The same picture, drawn on `canvas`, without what its camera said of it: Chromium takes one that says when it was captured for the same one again.
 */
function copied(picture: VideoFrame, timestamp: number, canvas: OffscreenCanvas): VideoFrame {
  // H.264 with 4:2:0 has no odd sizes.
  canvas.width = 2 * Math.ceil(picture.displayWidth / 2)
  canvas.height = 2 * Math.ceil(picture.displayHeight / 2)
  return redrawn(picture, canvas, timestamp)
}
