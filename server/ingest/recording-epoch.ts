import { IngestError } from '../../shared/close-codes.ts'
import type { EpochStart } from '../../shared/messages.ts'
import { containerOf, type RecorderContainer } from '../../shared/recorder-type.ts'
import type { Broadcast } from '../broadcast/broadcast.ts'
import { planCodecs } from '../ffmpeg/codecs.ts'
import { recordingJob } from '../ffmpeg/jobs.ts'
import { describe, type FfmpegExit, type FfmpegRun, feed, runFfmpeg, stopFfmpeg } from '../ffmpeg/run.ts'
import { FlvReader } from '../flv/reader.ts'
import { readRecordingHeader } from '../recording/header.ts'

/** How long FFmpeg may take to write what it has after its input ended: a transcoder may be behind. */
const FLUSH_MS = 30_000

type State =
  /** The header of the recording is not whole yet. */
  | { kind: 'header'; bytes: Buffer }
  | { kind: 'running'; run: FfmpegRun }
  /** FFmpeg has gone: what still comes of this epoch is thrown away. */
  | { kind: 'lost' }
  | { kind: 'ended' }

/**
 * One run of a recorder on its way to the bus: reads the header, starts FFmpeg for what it found, and feeds it.
 */
export class RecordingEpoch {
  readonly number: number
  readonly #start: EpochStart
  readonly #container: RecorderContainer
  readonly #broadcast: Broadcast
  readonly #ffmpegPath: string
  readonly #onLost: (exit: FfmpegExit) => void
  #state: State = { kind: 'header', bytes: Buffer.alloc(0) }
  #tags = 0

  /**
   * `onLost` is called when FFmpeg ends by itself after it gave something.
   * @throws IngestError `unsupported_media` for a type that is not taken
   */
  constructor(start: EpochStart, broadcast: Broadcast, ffmpegPath: string, onLost: (exit: FfmpegExit) => void) {
    const container = containerOf(start.mimeType)
    if (container === null) {
      throw new IngestError(
        'unsupported_media',
        'The type of the recording is not taken. Record video/webm, video/x-matroska or video/mp4.',
      )
    }
    this.number = start.epoch
    this.#start = start
    this.#container = container
    this.#broadcast = broadcast
    this.#ffmpegPath = ffmpegPath
    this.#onLost = onLost
  }

  /**
   * Takes the next bytes of the recording; resolves when FFmpeg took them (or they were thrown away, after it was lost).
   * @throws IngestError `unsupported_media` for what is no recording, `unavailable` where FFmpeg does not start
   */
  async write(payload: Uint8Array): Promise<void> {
    if (this.#state.kind === 'header') {
      const bytes = Buffer.concat([this.#state.bytes, payload])
      const header = readRecordingHeader(this.#container, bytes)
      if (header.state === 'refused') throw new IngestError('unsupported_media', header.message)
      if (header.state === 'incomplete') {
        this.#state = { kind: 'header', bytes }
        return
      }
      const plan = planCodecs(header.tracks, this.#start)
      const run = await this.#run(plan)
      this.#state = { kind: 'running', run }
      await this.#feed(run, bytes)
    } else if (this.#state.kind === 'running') await this.#feed(this.#state.run, payload)
  }

  /**
   * Lets FFmpeg write what it has, and ends it.
   * @throws IngestError `unsupported_media` where nothing ever came out of the recording
   */
  async end(): Promise<void> {
    const state = this.#state
    this.#state = { kind: 'ended' }
    if (state.kind === 'header' && state.bytes.length > 0) {
      throw new IngestError('unsupported_media', 'The recording ended before its header did.')
    }
    if (state.kind !== 'running') return
    const exit = await stopFfmpeg(state.run, FLUSH_MS)
    if (this.#tags === 0) throw unreadable(exit)
  }

  async #run(plan: ReturnType<typeof planCodecs>): Promise<FfmpegRun> {
    const writer = this.#broadcast.beginEpoch({ epoch: this.number, at: this.#start.at, ...plan })
    const reader = new FlvReader()
    const run = await runFfmpeg(this.#ffmpegPath, recordingJob(this.#container, plan.outputOptions), {
      onOutput: (bytes) => {
        for (const tag of reader.read(bytes)) {
          this.#tags++
          writer.write(tag)
        }
      },
    })
    void run.exited.then((exit) => {
      if (this.#state.kind !== 'running') return
      this.#state = { kind: 'lost' }
      this.#onLost(exit)
    })
    return run
  }

  async #feed(run: FfmpegRun, bytes: Uint8Array): Promise<void> {
    // The callback of a write to a process that has gone may never come.
    const taken = await Promise.race([feed(run, bytes), run.exited.then(() => false)])
    if (taken) return
    const exit = await run.exited
    if (exit.kind === 'not-started') {
      throw new IngestError('unavailable', 'The server cannot start FFmpeg. Its operator sees the reason in the log.')
    }
    // One that was killed is started again; one that gave up on the first bytes would give up again.
    if (this.#tags === 0 && exit.kind === 'exited') throw unreadable(exit)
  }
}

function unreadable(exit: FfmpegExit): IngestError {
  const [reason] = exit.message.split('\n').slice(-1)
  return new IngestError('unsupported_media', `The recording cannot be read. ${reason ?? describe(exit)}`)
}
