import { IngestError } from '../../shared/close-codes.ts'
import type { EpochStart } from '../../shared/messages.ts'
import { containerOf, type RecorderContainer } from '../../shared/recorder-type.ts'
import type { Broadcast } from '../broadcast/broadcast.ts'
import type { EpochWriter } from '../broadcast/epoch-writer.ts'
import { type CodecPlan, planCodecs } from '../ffmpeg/codecs.ts'
import type { Ffmpegs } from '../ffmpeg/ffmpegs.ts'
import { recordingJob } from '../ffmpeg/jobs.ts'
import { type FfmpegExit, type FfmpegRun, lastWords, stopFfmpeg } from '../ffmpeg/run.ts'
import { FlvReader } from '../flv/reader.ts'
import { TAG_TYPE, type Tag } from '../flv/tag.ts'
import type { Capacity } from '../monitor/capacity.ts'
import { readRecordingHeader } from '../recording/header.ts'
import { MatroskaScanner } from '../recording/matroska-scanner.ts'
import { Mp4Scanner } from '../recording/mp4-scanner.ts'
import { ReplayBuffer, type Scanner } from '../recording/replay.ts'

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
  /** FFmpeg has gone, and another one begins where it stopped. */
  | { kind: 'recovering' }
  /** FFmpeg has gone: what still comes of this epoch is thrown away. */
  | { kind: 'lost' }
  | { kind: 'ended' }

/** What an epoch needs of the gateway. */
export interface EpochContext {
  ffmpegs: Ffmpegs
  capacity: Capacity
}

/** How an epoch fails while nobody waits for it. */
export interface EpochFailures {
  /** Notes that FFmpeg was lost; how often that happened lately where that is too often to try again, else null. */
  lostTooOften(): number | null
  /** FFmpeg ended by itself or was killed, and another one goes on where it stopped. */
  onRecovering(exit: FfmpegExit): void
  /** FFmpeg ended by itself or was killed, and nothing can go on: a new recording may. */
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
  readonly #context: EpochContext
  readonly #failures: EpochFailures
  #state: State = { kind: 'header', bytes: Buffer.alloc(0) }
  /** What another FFmpeg would need; null where the recording cannot be gone on with. */
  #replay: ReplayBuffer | null = null
  #plan: CodecPlan | null = null
  #writer: EpochWriter | null = null
  /** Settles when an FFmpeg runs again. */
  #recovery: Promise<void> = Promise.resolve()
  #tags = 0
  #fed = 0
  #watchdog: NodeJS.Timeout | undefined
  /** Ends the write that waits, when FFmpeg goes away: its own callback may never come then. */
  #abandonWrite: () => void = () => {}

  /** @throws IngestError `unsupported_media` for a type that is not taken */
  constructor(start: EpochStart, broadcast: Broadcast, context: EpochContext, failures: EpochFailures) {
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
    this.#context = context
    this.#failures = failures
  }

  /** Whether what comes is thrown away: the publisher must begin another epoch. */
  get isLost(): boolean {
    return this.#state.kind === 'lost'
  }

  /**
   * Takes the next bytes of the recording; resolves when FFmpeg took them (or they were thrown away, after it was lost).
   * @throws IngestError `unsupported_media` for what is no recording, `unavailable` where FFmpeg does not start, or has no
   * room to transcode
   */
  async write(payload: Uint8Array): Promise<void> {
    await this.#recovery
    if (this.#state.kind === 'running') {
      this.#replay?.push(payload)
      return this.#feed(this.#state.run, payload)
    }
    if (this.#state.kind !== 'header') return
    const bytes = Buffer.concat([this.#state.bytes, payload])
    this.#state = { kind: 'header', bytes }
    const header = readRecordingHeader(this.#container, bytes)
    if (header.state === 'refused') throw new IngestError('unsupported_media', header.message)
    if (header.state === 'incomplete') return
    const plan = planCodecs(header.tracks, this.#start)
    const isNew = this.#broadcast.epoch?.video?.action !== 'transcode'
    if (plan.video?.action === 'transcode' && isNew) this.#context.capacity.admitTranscode()
    // A transcoder has a clock of its own, and what it makes twice is not twice the same.
    const canReplay = plan.video?.action !== 'transcode'
    this.#replay = canReplay ? new ReplayBuffer(scannerOf(this.#container)) : null
    this.#replay?.push(bytes)
    this.#plan = plan
    this.#writer = this.#broadcast.beginEpoch({ epoch: this.number, at: this.#start.at, ...plan })
    await this.#run(bytes)
  }

  /**
   * Lets FFmpeg write what it has, and ends it.
   * @throws IngestError `unsupported_media` where nothing ever came out of the recording
   */
  async end(): Promise<void> {
    await this.#recovery
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

  get #transcodes(): boolean {
    return this.#plan?.video?.action === 'transcode'
  }

  /** Starts an FFmpeg with `bytes` as the beginning of its input. */
  async #run(bytes: Buffer): Promise<void> {
    const reader = new FlvReader()
    const stage = this.#state.kind === 'recovering' ? 'resumed' : this.#replay ? 'resumable' : 'whole'
    const job = recordingJob(this.#container, this.#plan?.outputOptions ?? [], stage)
    const use = this.#transcodes ? 'transcode' : 'copy'
    const run = await this.#context.ffmpegs.run(
      job,
      { use, stream: this.#broadcast.name, name: null },
      {
        onOutput: (output) => {
          for (const tag of reader.read(output)) this.#take(tag)
        },
      },
    )
    // The epoch may have ended while FFmpeg started.
    if (this.#state.kind === 'ended') return void stopFfmpeg(run, 0)
    this.#state = { kind: 'running', run }
    this.#watch(run)
    void run.exited.then((exit) => this.#exited(exit))
    await this.#feed(run, bytes)
  }

  #take(tag: Tag): void {
    this.#tags++
    this.#writer?.write(tag)
    const counts = this.#plan?.video ? tag.type === TAG_TYPE.video : tag.type === TAG_TYPE.audio
    if (counts) this.#replay?.published(tag.timestamp)
  }

  #exited(exit: FfmpegExit): void {
    clearTimeout(this.#watchdog)
    const wasRunning = this.#state.kind === 'running'
    if (wasRunning) this.#state = { kind: 'lost' }
    this.#abandonWrite()
    if (!wasRunning || exit.kind === 'not-started') return
    // One that was killed is worth another try; one that gave up on the first bytes would give up again.
    if (this.#tags === 0 && exit.kind === 'exited') return this.#failures.onUnreadable(unreadable(exit))
    const losses = this.#failures.lostTooOften()
    if (losses !== null) return this.#failures.onUnreadable(deadly(losses, exit))
    const bytes = this.#replay?.bytes()
    if (!bytes) return this.#failures.onLost(exit)
    this.#failures.onRecovering(exit)
    this.#state = { kind: 'recovering' }
    this.#writer?.resume()
    this.#recovery = this.#run(bytes).catch(() => {
      this.#state = { kind: 'lost' }
      this.#failures.onLost(exit)
    })
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

function scannerOf(container: RecorderContainer): Scanner {
  return container === 'matroska' ? new MatroskaScanner() : new Mp4Scanner()
}

function unreadable(exit: FfmpegExit): IngestError {
  return new IngestError('unsupported_media', `The recording cannot be read. ${lastWords(exit)}`)
}

function deadly(losses: number, exit: FfmpegExit): IngestError {
  return new IngestError('unsupported_media', `FFmpeg failed ${losses} times with this recording. ${lastWords(exit)}`)
}
