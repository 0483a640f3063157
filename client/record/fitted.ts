import { insertableMedia, redrawn } from '../video-frames.ts'
import type { Quality } from './quality.ts'

/** How long a first picture may take; a screen on which nothing moves may give none. */
const FIRST_PICTURE_MS = 1_000

/** A stream whose picture is as small as asked. */
export interface Fitted {
  stream: MediaStream
  /** Releases what made it smaller; the stream that it was made of goes on. */
  close(): void
}

/** `stream` with the picture that it was opened with, after it was smaller for a time. */
export async function original(stream: MediaStream, quality: Quality): Promise<Fitted> {
  await constrain(stream, quality)
  return { stream, close() {} }
}

/**
 * Brings the picture of `stream` down to `quality`. A camera may have a mode of that size, and a browser may scale for its recorder;
 * Chromium does that for what it shows, but records the full size (seen in version 156), so there it is scaled here.
 */
export async function fitted(stream: MediaStream, quality: Quality): Promise<Fitted> {
  const asIs: Fitted = { stream, close() {} }
  const [track] = stream.getVideoTracks()
  if (!track) return asIs
  const { height } = quality
  await constrain(stream, quality)
  const { MediaStreamTrackProcessor, MediaStreamTrackGenerator } = insertableMedia()
  if (!MediaStreamTrackProcessor || !MediaStreamTrackGenerator) return asIs
  const size = await firstPictureSize(new MediaStreamTrackProcessor({ track }).readable)
  if (!size || size.height <= height) return asIs
  const scaled = new MediaStreamTrackGenerator({ kind: 'video' })
  const stopping = new AbortController()
  new MediaStreamTrackProcessor({ track }).readable
    .pipeThrough(scaler(even((size.width * height) / size.height), height))
    .pipeTo(scaled.writable, { signal: stopping.signal })
    // It ends with its source, or with close().
    .catch(() => {})
  return {
    stream: new MediaStream([scaled, ...stream.getAudioTracks()]),
    close() {
      stopping.abort()
      scaled.stop()
    },
  }
}

/** A source that cannot change its size keeps it; the bitrate changes all the same. */
async function constrain(stream: MediaStream, { width, height, frameRate }: Quality): Promise<void> {
  const [track] = stream.getVideoTracks()
  await track?.applyConstraints({ width, height, frameRate }).catch(() => {})
}

async function firstPictureSize(pictures: ReadableStream<VideoFrame>): Promise<DOMRectReadOnly | null> {
  const reader = pictures.getReader()
  const timer = setTimeout(() => void reader.cancel(), FIRST_PICTURE_MS)
  const { value: picture } = await reader.read()
  clearTimeout(timer)
  const size = picture?.visibleRect ?? null
  picture?.close()
  await reader.cancel()
  return size
}

function scaler(width: number, height: number): TransformStream<VideoFrame, VideoFrame> {
  const canvas = new OffscreenCanvas(width, height)
  return new TransformStream({
    transform(picture, controller) {
      const smaller = redrawn(picture, canvas, picture.timestamp)
      picture.close()
      controller.enqueue(smaller)
    },
  })
}

/** The next even number: H.264 with 4:2:0 has no odd sizes. */
function even(value: number): number {
  return 2 * Math.round(value / 2)
}
