import { GatewayError } from '../../shared/errors.ts'
import type { EpochStart } from '../../shared/messages.ts'
import { containerOf, type RecorderContainer } from '../../shared/recorder-type.ts'
import type { Capacity } from '../access/capacity.ts'
import type { Broadcast } from '../broadcast/broadcast.ts'
import type { EpochWriter } from '../broadcast/epoch-writer.ts'
import { type Part, RecordingReader } from '../containers/reader.ts'
import { ReplayBuffer } from '../containers/replay.ts'
import { type CodecPlan, planCodecs } from '../ffmpeg/codecs.ts'
import type { Ffmpegs } from '../ffmpeg/ffmpegs.ts'
import type { Tracks } from '../ffmpeg/job.ts'
import { type RecordingRun, recordingJob } from '../ffmpeg/jobs.ts'
import { fits, type PictureSize } from '../ffmpeg/picture-size.ts'
import { type FfmpegExit, type FfmpegRun, stopFfmpeg } from '../ffmpeg/run.ts'
import { FlvReader } from '../flv/reader.ts'
import { isFrame, TAG_TYPE, type Tag } from '../flv/tag.ts'
import { eachInTurn, type Turns } from '../process/turns.ts'
import { deadly, notStarted, tooLarge, tooMuchMemory, unreadable } from './refusals.ts'

/** How long FFmpeg may take to take a chunk, and to write what it has after its input ended: a transcoder may be behind, more so on a busy machine. */
const PATIENCE_MS = { copy: 10_000, transcode: 30_000 }
/** How long it may take to its first output, in ms: on a machine that is busy, its start alone takes seconds. */
const FIRST_OUTPUT_MS = 30_000
/** What it must have taken before the latter counts: a header alone gives nothing. */
const MIN_FED_BYTES = 64 * 1024
/** How much more time FFmpeg may give than the recording has, in ms: what is beyond was made up. */
const MADE_UP_MS = 15_000

type Begin = Extract<Part, { kind: 'begin' }>

type State =
  /** The media of the recording has not begun. */
  | { kind: 'header' }
  | { kind: 'running'; run: FfmpegRun }
  /** FFmpeg has gone, and another one begins where it stopped. */
  | { kind: 'recovering' }
  /** The input of FFmpeg has ended, and it writes what it has. */
  | { kind: 'flushing' }
  /** FFmpeg has gone: what still comes of this epoch is thrown away. */
  | { kind: 'lost' }
  | { kind: 'ended' }

/** What an epoch needs of the gateway. */
export interface EpochContext {
  ffmpegs: Ffmpegs
  capacity: Capacity
  /** Largest picture that is taken. */
  mostPicture: PictureSize
  turns: Turns
}

/** What an epoch tells while nobody waits for it. */
export interface EpochFailures {
  /** Notes that FFmpeg was lost; how often that happened lately where that is too often to try again, else null. */
  lostTooOften(): number | null
  /** FFmpeg ended by itself or was killed, and another one goes on where it stopped. */
  onRecovering(exit: FfmpegExit): void
  /** FFmpeg ended by itself or was killed, and nothing can go on: a new recording may. */
  onLost(exit: FfmpegExit): void
  /** The recording gives nothing: it is not taken. `exit`: how FFmpeg ended, where that is why. */
  onUnreadable(error: GatewayError, exit?: FfmpegExit): void
  /** The time of the recording jumps, as `reason` says: another FFmpeg goes on behind that. @throws GatewayError where that is too often */
  onJump(reason: string): void
}

/**
 * One run of a recorder on its way to the bus: reads the header, starts FFmpeg for what it found, and feeds it. Where the time of the recording
 * jumps, another FFmpeg goes on, so that none fills the gap.
 */
export class RecordingEpoch {
  readonly number: number
  readonly #start: EpochStart
  readonly #container: RecorderContainer
  readonly #reader: RecordingReader
  readonly #broadcast: Broadcast
  readonly #context: EpochContext
  readonly #failures: EpochFailures
  #state: State = { kind: 'header' }
  /** What another FFmpeg would need; null where the recording cannot be gone on with. */
  #replay: ReplayBuffer | null = null
  #tracks: Tracks | null = null
  #plan: CodecPlan | null = null
  #writer: EpochWriter | null = null
  /** Settles when an FFmpeg runs again. */
  #recovery: Promise<void> = Promise.resolve()
  /** When the media began, on the monotonic clock. */
  #beganAt = 0
  #tags = 0
  #fed = 0
  #watchdog: NodeJS.Timeout | undefined
  /** Ends the write that waits, when FFmpeg goes away: its own callback may never come then. */
  #abandonWrite: () => void = () => {}

  /** @throws GatewayError `unsupported_media` for a type that is not taken */
  constructor(start: EpochStart, broadcast: Broadcast, context: EpochContext, failures: EpochFailures) {
    const container = containerOf(start.mimeType)
    if (container === null) {
      throw new GatewayError(
        'unsupported_media',
        'The type of the recording is not taken. Record video/webm, video/x-matroska or video/mp4.',
      )
    }
    this.number = start.epoch
    this.#start = start
    this.#container = container
    this.#reader = new RecordingReader(container)
    this.#broadcast = broadcast
    broadcast.captures(start.at)
    this.#context = context
    this.#failures = failures
  }

  /** Whether what comes is thrown away: the publisher must begin another epoch. */
  get isLost(): boolean {
    return this.#state.kind === 'lost'
  }

  /**
   * Takes the next bytes of the recording; resolves when FFmpeg took them (or they were thrown away, after it was lost).
   * @throws GatewayError `unsupported_media` for what is no recording, `no_capacity` where there is no room to transcode it
   */
  async write(payload: Uint8Array): Promise<void> {
    await this.#recovered()
    if (this.#isOver) return
    for (const part of this.#reader.read(payload)) {
      await this.#context.turns.next()
      // What is pushed while a successor is being given the replay would be in neither.
      await this.#recovered()
      if (this.#isOver) return
      if (part.kind === 'tracks') this.#planFor(part.tracks)
      else if (part.kind === 'begin') await this.#begin(part)
      else {
        this.#replay?.push(part.bytes, part.points)
        // What FFmpeg does not take any more, its successor gets from the replay.
        if (this.#state.kind === 'running') await this.#feed(this.#state.run, part.bytes)
      }
      await this.#recovered()
      if (this.#isOver) return
    }
  }

  /** Resolves when no successor of a lost FFmpeg is being started, however often that is lost as well. */
  async #recovered(): Promise<void> {
    for (let waited: Promise<void> | null = null; waited !== this.#recovery; ) {
      waited = this.#recovery
      await waited
    }
  }

  /**
   * Lets FFmpeg write what it has, and ends it.
   * @throws GatewayError `unsupported_media` where nothing ever came out of the recording
   */
  async end(): Promise<void> {
    await this.#recovered()
    const isInHeader = this.#state.kind === 'header' && this.#reader.isInHeader
    const exit = await this.#flush()
    this.#state = { kind: 'ended' }
    if (isInHeader) throw new GatewayError('unsupported_media', 'The recording ended before its media began.')
    if (exit !== null && this.#tags === 0) throw unreadable(exit)
  }

  get #isOver(): boolean {
    return this.#state.kind === 'lost' || this.#state.kind === 'ended'
  }

  get #use(): 'copy' | 'transcode' {
    return this.#plan?.video?.action === 'transcode' ? 'transcode' : 'copy'
  }

  #planFor(tracks: Tracks): void {
    checkPicture(tracks, this.#context.mostPicture)
    const plan = planCodecs(tracks, this.#start)
    const isNew = this.#broadcast.epoch?.video?.action !== 'transcode'
    if (plan.video?.action === 'transcode' && isNew) this.#context.capacity.admitTranscode(plan.video)
    this.#tracks = tracks
    this.#plan = plan
    Object.assign(this.#reader.filled, {
      video: plan.video?.action === 'transcode',
      audio: plan.audio.action === 'transcode',
    })
    this.#writer = this.#broadcast.beginEpoch({ epoch: this.number, at: this.#start.at, ...plan })
  }

  /** Starts an FFmpeg for what follows; where the time jumped, after the one before it. */
  async #begin(part: Begin): Promise<void> {
    if (part.jump === null) this.#beganAt = performance.now()
    else if (this.#plan) {
      this.#failures.onJump(part.jump)
      await this.#flush()
      // The gap is as long as it was here: what the recording says of it is not to be believed.
      const at = this.#start.at + performance.now() - this.#beganAt
      this.#writer = this.#broadcast.beginEpoch({ epoch: this.number, at, ...this.#plan })
    }
    // A transcoder has a clock of its own, and what it makes twice is not twice the same.
    this.#replay = this.#use === 'copy' ? new ReplayBuffer(part) : null
    await this.#run(Buffer.concat([part.header, part.prefix]), this.#stageOf(part))
  }

  #stageOf({ jump }: Begin): RecordingRun {
    if (this.#replay === null) return 'whole'
    // Without parameter sets, which come with the next keyframe, pictures in Annex B cannot be put into FLV.
    return jump === null || this.#tracks?.video?.annexB ? 'resumable' : 'behind-gap'
  }

  /** Starts an FFmpeg with `bytes` as the beginning of its input. */
  async #run(bytes: Buffer, stage: RecordingRun): Promise<void> {
    const run = await this.#startFfmpeg(stage)
    // The epoch may have ended meanwhile.
    if (this.#isOver) return void stopFfmpeg(run, 0)
    this.#state = { kind: 'running', run }
    this.#watch(run)
    void run.exited.then((exit) => this.#exited(run, exit))
    await this.#feed(run, bytes)
  }

  #startFfmpeg(stage: RecordingRun): Promise<FfmpegRun> {
    const reader = new FlvReader()
    const { mostPicture, ffmpegs } = this.#context
    const job = recordingJob(this.#container, this.#plan?.outputOptions ?? [], stage, mostPicture)
    let first: number | null = null
    return ffmpegs.run(
      job,
      { use: this.#use, stream: this.#broadcast.name, name: null, picture: this.#plan?.video ?? null },
      {
        onLine: (line) => this.#heed(line),
        onOutput: (output) =>
          eachInTurn(reader.read(output), this.#context.turns, (tag) => {
            // Headers have times of their own.
            if (isFrame(tag)) first ??= tag.timestamp
            if (first !== null && tag.timestamp - first > this.#reader.span + MADE_UP_MS) this.#madeUp()
            else this.#take(tag)
          }),
      },
    )
  }

  #take(tag: Tag): void {
    this.#tags++
    this.#writer?.write(tag)
    const counts = this.#plan?.video ? tag.type === TAG_TYPE.video : tag.type === TAG_TYPE.audio
    if (counts) this.#replay?.published(tag.timestamp)
  }

  /** FFmpeg reads other times in the recording than we do. */
  #madeUp(): void {
    this.#giveUp(new GatewayError('unsupported_media', 'The times in the recording jump, and cannot be followed.'))
  }

  /** What FFmpeg says of a recording that would cost too much. */
  #heed(line: string): void {
    const [, size] = /Picture size (\d+x\d+) exceeds/.exec(line) ?? []
    if (size !== undefined) this.#giveUp(tooLarge(size.replace('x', '×'), this.#context.mostPicture))
    else if (/cannot allocate memory|malloc .*failed/i.test(line)) this.#giveUp(tooMuchMemory())
  }

  #giveUp(error: GatewayError): void {
    const state = this.#state
    if (this.#isOver) return
    this.#state = { kind: 'lost' }
    if (state.kind === 'running') state.run.kill('SIGKILL')
    this.#failures.onUnreadable(error)
  }

  #exited(run: FfmpegRun, exit: FfmpegExit): void {
    if (this.#state.kind === 'running' && this.#state.run !== run) return
    clearTimeout(this.#watchdog)
    const wasRunning = this.#state.kind === 'running'
    if (wasRunning) this.#state = { kind: 'lost' }
    this.#abandonWrite()
    if (!wasRunning) return
    if (exit.kind === 'not-started') return this.#failures.onUnreadable(notStarted(), exit)
    // One that was killed is worth another try; one that gave up on the first bytes would give up again.
    if (this.#tags === 0 && exit.kind === 'exited') return this.#failures.onUnreadable(unreadable(exit), exit)
    const bytes = this.#toGoOn(exit)
    if (bytes instanceof GatewayError) return this.#failures.onUnreadable(bytes, exit)
    if (bytes === null) return this.#failures.onLost(exit)
    this.#state = { kind: 'recovering' }
    this.#writer?.resume()
    this.#recovery = this.#run(bytes, 'resumed').catch(() => {
      this.#state = { kind: 'lost' }
      this.#failures.onLost(exit)
    })
  }

  /** What the FFmpeg after a lost one needs: null where there is nothing, an error where it would be lost as well. */
  #toGoOn(exit: FfmpegExit): Buffer | null | GatewayError {
    const losses = this.#failures.lostTooOften()
    if (losses !== null) return deadly(losses, exit)
    const bytes = this.#replay?.bytes() ?? null
    if (bytes !== null) this.#failures.onRecovering(exit)
    return bytes
  }

  /**
   * Ends the input of the FFmpeg that runs, and waits until it wrote what it has. One that is lost meanwhile is replaced. Null where none
   * ran, else how the last one ended.
   */
  async #flush(): Promise<FfmpegExit | null> {
    if (this.#state.kind !== 'running') return null
    let { run } = this.#state
    this.#state = { kind: 'flushing' }
    for (;;) {
      const exit = await stopFfmpeg(run, PATIENCE_MS[this.#use])
      clearTimeout(this.#watchdog)
      if (!wasLost(exit) || this.#tags === 0 || this.#context.ffmpegs.isEnding) return exit
      const bytes = this.#toGoOn(exit)
      if (bytes === null || bytes instanceof GatewayError) return exit
      this.#writer?.resume()
      run = await this.#startFfmpeg('resumed')
      void run.exited.then(() => this.#abandonWrite())
      await this.#feed(run, bytes)
    }
  }

  async #feed(run: FfmpegRun, bytes: Uint8Array): Promise<void> {
    const stuck = setTimeout(() => run.kill('SIGKILL'), PATIENCE_MS[this.#use])
    await new Promise<void>((resolve) => {
      this.#abandonWrite = resolve
      run.stdin.write(bytes, () => resolve())
    })
    clearTimeout(stuck)
    this.#abandonWrite = () => {}
    this.#fed += bytes.byteLength
  }

  /** A header with noise behind it keeps FFmpeg waiting for ever. */
  #watch(run: FfmpegRun): void {
    clearTimeout(this.#watchdog)
    this.#watchdog = setTimeout(() => {
      if (this.#tags > 0) return
      if (this.#fed < MIN_FED_BYTES) return this.#watch(run)
      this.#giveUp(
        new GatewayError('unsupported_media', 'The recording has a header, and nothing that can be read behind it.'),
      )
    }, FIRST_OUTPUT_MS)
  }
}

/** @throws GatewayError for a picture that is larger than `most`, whichever way it stands */
function checkPicture({ video }: Tracks, most: PictureSize): void {
  if (video && !fits(video, most)) throw tooLarge(`${video.width}×${video.height}`, most)
}

/** Whether it ended before it wrote all that it had: FFmpeg's code for a signal is 255. */
function wasLost(exit: FfmpegExit): boolean {
  return exit.kind === 'killed' || (exit.kind === 'exited' && exit.code === 255)
}
