import { insertableMedia } from '../video-frames.ts'
import type { CardSize } from './card.ts'
import { PicturePump } from './pump.ts'

/** Pictures that may wait while a page's processor is busy; cameras have no more buffers than some ten. */
const MAX_WAITING = 8
/** One track of pictures that never ends, whatever it shows. */
export interface Picture {
  readonly track: MediaStreamTrack
  /** Goes on with the pictures of `track`, from its first one on. */
  show(track: MediaStreamTrack, isCamera: boolean): void
  /** Goes on with a card; `size` where there was no picture before. */
  card(text: string, size: CardSize): void
  /** Resolves when the track that is shown has ended, and each of its pictures went out; at once where there is none. */
  shown(): Promise<void>
  close(): void
}

/**
 * Makes one where the browser can; null elsewhere: there each source is recorded by itself. It works on the page: pictures that a worker is to read of a
 * processor that was made on the page sometimes do not come (seen in Chromium 156).
 */
export function makePicture(): Picture | null {
  const { MediaStreamTrackProcessor, MediaStreamTrackGenerator } = insertableMedia()
  if (!MediaStreamTrackProcessor || !MediaStreamTrackGenerator) return null
  const generator = new MediaStreamTrackGenerator({ kind: 'video' })
  let isShown = () => {}
  let shown = Promise.resolve()
  const pump = new PicturePump(generator.writable, () => isShown())
  return {
    track: generator,
    show(track, isCamera) {
      isShown()
      shown = new Promise((resolve) => {
        isShown = resolve
      })
      pump.show(new MediaStreamTrackProcessor({ track, maxBufferSize: MAX_WAITING }), isCamera)
    },
    card(text, size) {
      isShown()
      pump.card(text, size)
    },
    shown: () => shown,
    close() {
      isShown()
      pump.close()
      generator.stop()
    },
  }
}
