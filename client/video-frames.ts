/** MediaStreamTrack Insertable Media Processing, as Chromium has it on pages. */
interface InsertableMedia {
  MediaStreamTrackProcessor?: new (options: {
    track: MediaStreamTrack
    maxBufferSize?: number
  }) => { readable: ReadableStream<VideoFrame> }
  MediaStreamTrackGenerator?: new (options: {
    kind: 'video'
  }) => MediaStreamTrack & { writable: WritableStream<VideoFrame> }
}

/** What takes the pictures out of a track, and what makes a track of pictures; each undefined where the browser has none. */
export function insertableMedia(): InsertableMedia {
  return globalThis as InsertableMedia
}

/** Every picture is read back, so it had better not be on the GPU. */
const CONTEXT: CanvasRenderingContext2DSettings = { alpha: false, willReadFrequently: true }

/** The same picture in the size of `canvas`, which it is drawn on, without what its camera said of it. `picture` stays open. */
export function redrawn(picture: VideoFrame, canvas: OffscreenCanvas, timestamp: number): VideoFrame {
  canvas.getContext('2d', CONTEXT)?.drawImage(picture, 0, 0, canvas.width, canvas.height)
  return new VideoFrame(canvas, { timestamp, alpha: 'discard' })
}
