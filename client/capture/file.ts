import { CaptureError } from './errors.ts'

/** A video file that plays, and is captured as it plays. */
export interface FileCapture {
  /** What is captured now. */
  stream: MediaStream
  /** The element that plays it. Pausing it holds the picture. */
  element: HTMLVideoElement
  /** Goes back to the beginning. At the end of a file its tracks end, so it is captured anew then. */
  rewind(): Promise<void>
  /** Stops it and frees the file. */
  close(): void
}

/** Firefox names the function with its own prefix. */
interface Capturing {
  captureStream?: () => MediaStream
  mozCaptureStream?: () => MediaStream
}

/**
 * Opens a video file of the person's own and captures it (Media Capture from DOM Elements, 2.1). It stands at its beginning:
 * whoever broadcasts it plays `element`.
 * @throws CaptureError `bad_file` or `unsupported_browser`
 */
export async function openFile(file: File): Promise<FileCapture> {
  const element = document.createElement('video')
  const url = URL.createObjectURL(file)
  try {
    element.src = url
    element.playsInline = true
    element.preload = 'auto'
    await loaded(element, file.name)
    const capturing = element as Capturing
    const capture = capturing.captureStream ?? capturing.mozCaptureStream
    if (!capture) {
      throw new CaptureError(
        'unsupported_browser',
        'This browser cannot broadcast a file. Use Chromium, Chrome, Edge or Firefox.',
      )
    }
    const opened: FileCapture = {
      stream: capture.call(element),
      element,
      async rewind() {
        element.pause()
        if (element.currentTime > 0) {
          const sought = new Promise((resolve) => {
            element.addEventListener('seeked', resolve, { once: true })
            // It was closed meanwhile.
            element.addEventListener('emptied', resolve, { once: true })
          })
          element.currentTime = 0
          await sought
        }
        if (!opened.stream.active) opened.stream = capture.call(element)
      },
      close() {
        element.pause()
        for (const track of opened.stream.getTracks()) track.stop()
        element.removeAttribute('src')
        element.load()
        URL.revokeObjectURL(url)
      },
    }
    return opened
  } catch (error) {
    URL.revokeObjectURL(url)
    throw error
  }
}

function loaded(element: HTMLVideoElement, name: string): Promise<void> {
  return new Promise((resolve, reject) => {
    element.addEventListener('canplay', () => resolve(), { once: true })
    element.addEventListener(
      'error',
      () =>
        reject(
          new CaptureError('bad_file', `This browser cannot play "${name}". Try an MP4 with H.264 and AAC, or a WebM.`),
        ),
      { once: true },
    )
  })
}
