import { KEYFRAME_INTERVAL_MS, TIMESLICE_MS } from '../../shared/limits.ts'
import { typesFor } from './format.ts'
import type { Quality } from './quality.ts'

/** How long a recorder may take to give its last bytes. */
const STOP_MS = 5_000
/** A recorder that gives nothing for so long, where there is sound to record, gives nothing any more. */
const NOTHING_MS = 3_000

/** What a recorder tells. */
export interface RecorderEvents {
  /** The next bytes of the recording, in order. */
  onData(bytes: Uint8Array<ArrayBuffer>): void
  /** It ended by itself: the source went away, or the encoder failed. */
  onLost(message: string): void
}

/** A run of MediaRecorder: one epoch. */
export interface Recording {
  /** What it records, as the browser tells it. */
  mimeType: string
  /** What it was asked to record. */
  type: string
  /** Whether it has given anything. */
  hasData(): boolean
  /** Ends it; resolves when its last bytes were given. */
  stop(): Promise<void>
}

/** `videoKeyFrameIntervalDuration` is newer than the types (MediaStream Recording, 2.3). */
type RecorderOptions = MediaRecorderOptions & { videoKeyFrameIntervalDuration: number }

/**
 * Starts to record `stream`, in pieces of 100 ms, with a keyframe every 2 s where the browser obeys. A type that the browser promises and does not begin
 * is added to `failed`, and the next one is taken; those in it are not asked for.
 * @throws Error where the browser records nothing that a server takes, or the stream has no tracks
 */
export function startRecording(
  stream: MediaStream,
  quality: Quality,
  events: RecorderEvents,
  failed: Set<string>,
): Recording {
  const tracks = { video: stream.getVideoTracks().length > 0, audio: stream.getAudioTracks().length > 0 }
  if (!tracks.video && !tracks.audio) throw new Error('There is neither a picture nor sound to record.')
  const supported = (type: string) => 'MediaRecorder' in globalThis && MediaRecorder.isTypeSupported(type)
  const types = typesFor(tracks, supported)
  let reason = 'This browser cannot record video for a broadcast. Use a current one.'
  for (const type of types.filter((each) => !failed.has(each))) {
    try {
      return record(stream, type, quality, events)
    } catch (error) {
      failed.add(type)
      reason = `The browser does not record: ${error instanceof Error ? error.message : String(error)}`
    }
  }
  throw new Error(reason)
}

function record(stream: MediaStream, mimeType: string, quality: Quality, events: RecorderEvents): Recording {
  const options: RecorderOptions = {
    mimeType,
    videoBitsPerSecond: quality.videoBitsPerSecond,
    audioBitsPerSecond: quality.audioBitsPerSecond,
    videoKeyFrameIntervalDuration: KEYFRAME_INTERVAL_MS,
  }
  const recorder = new MediaRecorder(stream, options)
  let stopping = false
  let failure: string | null = null
  // Reading a blob takes a moment, and a later one must not overtake it.
  let reading = Promise.resolve()
  let hasData = false
  let nothing: ReturnType<typeof setTimeout> | undefined
  const waitForData = () => {
    clearTimeout(nothing)
    // A screen on which nothing moves may give none; sound always does.
    if (isOver || stopping || !stream.getAudioTracks().some(({ readyState }) => readyState === 'live')) return
    nothing = setTimeout(() => {
      failure = `it gave nothing for ${NOTHING_MS / 1000} s`
      if (recorder.state !== 'inactive') recorder.stop()
      late ??= setTimeout(finish, STOP_MS)
    }, NOTHING_MS)
  }
  recorder.addEventListener('dataavailable', ({ data }) => {
    if (data.size === 0) return
    hasData = true
    waitForData()
    reading = reading
      .then(async () => {
        const bytes = new Uint8Array(await data.arrayBuffer())
        // The next epoch may have begun without waiting any longer.
        if (!isOver) events.onData(bytes)
      })
      .catch((error: unknown) => {
        failure = error instanceof Error ? error.message : String(error)
        if (recorder.state !== 'inactive') recorder.stop()
      })
  })
  recorder.addEventListener('error', (event) => {
    failure = 'error' in event && event.error instanceof Error ? event.error.message : 'unknown error'
  })
  let late: ReturnType<typeof setTimeout> | undefined
  let isOver = false
  let finish = () => {}
  const stopped = new Promise<void>((resolve) => {
    finish = () => {
      if (isOver) return
      isOver = true
      clearTimeout(late)
      clearTimeout(nothing)
      if (!stopping) events.onLost(failure ?? 'the source ended')
      resolve()
    }
    recorder.addEventListener('stop', () => void reading.then(finish))
  })
  recorder.start(TIMESLICE_MS)
  waitForData()
  return {
    type: mimeType,
    hasData: () => hasData,
    // Browsers tell the exact codecs once they record; until then it is what they were asked for.
    mimeType: recorder.mimeType || mimeType,
    stop() {
      stopping = true
      clearTimeout(nothing)
      if (recorder.state !== 'inactive') {
        recorder.stop()
        // A recorder whose tracks are in a bad way may never tell.
        late ??= setTimeout(finish, STOP_MS)
      }
      return stopped
    },
  }
}
