import { IngestError } from '../../shared/close-codes.ts'
import type { EpochStart } from '../../shared/messages.ts'
import { containerOf, type RecorderContainer } from '../../shared/recorder-type.ts'
import type { Broadcast } from '../broadcast/broadcast.ts'
import { type CodecPlan, planCodecs } from '../ffmpeg/codecs.ts'
import { recordingJob } from '../ffmpeg/jobs.ts'
import { describe, type FfmpegExit, type FfmpegRun, runFfmpeg, stopFfmpeg } from '../ffmpeg/run.ts'
import { FlvReader } from '../flv/reader.ts'
import { readRecordingHeader } from '../recording/header.ts'

/** How long FFmpeg may take to write what it has after its input ended: a transcoder may be behind. */
const FLUSH_MS = 30_000
/** How long FFmpeg may take to take a chunk, and to give something for what it took. */
const STUCK_MS = 10_000
/** What it must have taken before the latter counts: a header alone gives nothing. */
const LEAST_FED_BYTES = 64 * 1024

type State =
  /** The header of the recording is not whole yet. */
  | { kind: 'header'; bytes: Buffer }
  | { kind: 'running'; run: FfmpegRun }
  /** FFmpeg has gone: what still comes of this epoch is thrown away. */
  | { kind: 'lost' }
  | { kind: 'ended' }

/** How an epoch fails while nobody waits for it. */
export interface EpochFailures {
  /** FFmpeg ended by itself after it gave something, or was killed: a new recording may go better. */
  onLost(exit: FfmpegExit): void
  /** The recording gives nothing: it is not taken. */
  onUnreadable(error: IngestError): void
}

/**
 * One run of a recorder on its way to the bus: reads the header, starts FFmpeg for what it found, and feeds it.
 */
export class RecordingEpoch {
  readonly number: number
  readonly #start: EpochStart
  readonly #container: RecorderContainer
  readonly #broadcast: Broadcast
  readonly #ffmpegPath: string
  readonly #failures: EpochFailures
  #state: State = { kind: 'header', bytes: Buffer.alloc(0) }
  #tags = 0
  #fed = 0
  #watchdog: NodeJS.Timeout | undefined
  /** Ends the write that waits, when FFmpeg goes away: its own callback may never come then. */
  #abandonWrite: () => void = () => {}

  /** @throws IngestError `unsupported_media` for a type that is not taken */
  constructor(start: EpochStart, broadcast: Broadcast, ffmpegPath: string, failures: EpochFailures) {
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
    this.#failures = failures
  }

  /** Whether what comes is thrown away: the publisher must begin another epoch. */
  get isLost(): boolean {
    return this.#state.kind === 'lost'
  }

  /**
   * Takes the next bytes of the recording; resolves when FFmpeg took them (or they were thrown away, after it was lost).
   * @throws IngestError `unsupported_media` for what is no recording, `unavailable` where FFmpeg does not start
   */
  async write(payload: Uint8Array): Promise<void> {
    if (this.#state.kind === 'running') return this.#feed(this.#state.run, payload)
    if (this.#state.kind !== 'header') return
    const bytes = Buffer.concat([this.#state.bytes, payload])
    this.#state = { kind: 'header', bytes }
    const header = readRecordingHeader(this.#container, bytes)
    if (header.state === 'refused') throw new IngestError('unsupported_media', header.message)
    if (header.state === 'incomplete') return
    const run = await this.#run(planCodecs(header.tracks, this.#start))
    await this.#feed(run, bytes)
  }

  /**
   * Lets FFmpeg write what it has, and ends it.
   * @throws IngestError `unsupported_media` where nothing ever came out of the recording
   */
  async end(): Promise<void> {
    const state = this.#state
    this.#state = { kind: 'ended' }
    clearTimeout(this.#watchdog)
    if (state.kind === 'header' && state.bytes.length > 0) {
      throw new IngestError('unsupported_media', 'The recording ended before its header did.')
    }
    if (state.kind !== 'running') return
    const exit = await stopFfmpeg(state.run, FLUSH_MS)
    if (this.#tags === 0) throw unreadable(exit)
  }

  async #run(plan: CodecPlan): Promise<FfmpegRun> {
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
    // The epoch may have ended while FFmpeg started.
    if (this.#state.kind === 'header') {
      this.#state = { kind: 'running', run }
      this.#watch(run)
    } else void stopFfmpeg(run, 0)
    void run.exited.then((exit) => this.#exited(exit))
    return run
  }

  #exited(exit: FfmpegExit): void {
    clearTimeout(this.#watchdog)
    const wasRunning = this.#state.kind === 'running'
    if (wasRunning) this.#state = { kind: 'lost' }
    this.#abandonWrite()
    if (!wasRunning || exit.kind === 'not-started') return
    // One that was killed is worth another try; one that gave up on the first bytes would give up again.
    if (this.#tags === 0 && exit.kind === 'exited') this.#failures.onUnreadable(unreadable(exit))
    else this.#failures.onLost(exit)
  }

  async #feed(run: FfmpegRun, bytes: Uint8Array): Promise<void> {
    const stuck = setTimeout(() => run.kill('SIGKILL'), STUCK_MS)
    await new Promise<void>((resolve) => {
      this.#abandonWrite = resolve
      run.stdin.write(bytes, () => resolve())
    })
    clearTimeout(stuck)
    this.#abandonWrite = () => {}
    this.#fed += bytes.byteLength
    if (run.pid === undefined) {
      throw new IngestError('unavailable', 'The server cannot start FFmpeg. Its operator sees the reason in the log.')
    }
  }

  /** A header with noise behind it keeps FFmpeg waiting for ever. */
  #watch(run: FfmpegRun): void {
    this.#watchdog = setTimeout(() => {
      if (this.#tags > 0) return
      if (this.#fed < LEAST_FED_BYTES) return this.#watch(run)
      this.#state = { kind: 'lost' }
      run.kill('SIGKILL')
      this.#failures.onUnreadable(
        new IngestError('unsupported_media', 'The recording has a header, and nothing that can be read behind it.'),
      )
    }, STUCK_MS)
  }
}

function unreadable(exit: FfmpegExit): IngestError {
  const [reason] = exit.message.split('\n').slice(-1)
  return new IngestError('unsupported_media', `The recording cannot be read. ${reason ?? describe(exit)}`)
}
