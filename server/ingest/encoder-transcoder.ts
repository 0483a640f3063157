import { MatroskaWriter } from '../containers/matroska-writer.ts'
import type { Ffmpegs } from '../ffmpeg/ffmpegs.ts'
import type { Tracks } from '../ffmpeg/job.ts'
import { encoderJob } from '../ffmpeg/jobs.ts'
import type { PictureSize } from '../ffmpeg/picture-size.ts'
import { type FfmpegExit, type FfmpegRun, stopFfmpeg } from '../ffmpeg/run.ts'
import type { Media } from '../flv/media.ts'
import { FlvReader } from '../flv/reader.ts'
import { encodeFileHeader, encodeTag, type Tag } from '../flv/tag.ts'
import { eachInTurn, type Turns } from '../process/turns.ts'
import { containerFor, type EncoderTracks } from './encoder-codecs.ts'

/** What waits for FFmpeg before its encoder is not read any more: some seconds. */
const MAX_WAITING_BYTES = 8 * 1024 * 1024
/** How long FFmpeg may take nothing, on a machine that is busy. */
const PATIENCE_MS = 30_000
/** How long it may take to write what it has when its encoder is through. */
const STOP_MS = 2_000

/** What a transcoder needs of the gateway. */
export interface TranscoderOptions {
  ffmpegs: Ffmpegs
  turns: Turns
  mostPicture: PictureSize
  stream: string
  /** Takes what comes out: H.264 and AAC. */
  onTag(tag: Tag): void
  /** FFmpeg has ended by itself. */
  onLost(exit: FfmpegExit): void
}

/** An FFmpeg that makes H.264 and AAC of what an encoder sends. */
export class EncoderTranscoder {
  readonly #run: FfmpegRun
  readonly #matroska: MatroskaWriter | null
  readonly #base: number
  #isClosing = false

  private constructor(
    run: FfmpegRun,
    matroska: MatroskaWriter | null,
    base: number,
    onLost: TranscoderOptions['onLost'],
  ) {
    this.#run = run
    this.#matroska = matroska
    this.#base = base
    void run.exited.then((exit) => {
      if (!this.#isClosing) onLost(exit)
    })
  }

  /**
   * Starts one for these tracks; `codecOptions` as `planCodecs` gives them. `base`: the time of its first frame, in ms.
   * @throws GatewayError `unsupported_media` for tracks that it cannot be given
   */
  static async start(
    tracks: EncoderTracks,
    plan: { tracks: Tracks; codecOptions: string[] },
    base: number,
    { ffmpegs, turns, mostPicture, stream, onTag, onLost }: TranscoderOptions,
  ): Promise<EncoderTranscoder> {
    const container = containerFor(tracks)
    const reader = new FlvReader()
    const job = encoderJob(container === 'flv' ? 'flv' : 'matroska', plan.codecOptions, mostPicture)
    const purpose = { use: 'transcode', picture: plan.tracks.video, stream, name: null } as const
    const run = await ffmpegs.run(job, purpose, {
      onOutput: (bytes) => eachInTurn(reader.read(bytes), turns, onTag),
    })
    const matroska = container === 'flv' ? null : new MatroskaWriter()
    const { video, audio } = tracks
    run.stdin.write(
      container === 'flv' || !matroska
        ? encodeFileHeader({ video: video !== null, audio: audio !== null })
        : matroska.head(container),
    )
    return new EncoderTranscoder(run, matroska, base, onLost)
  }

  /** Gives it a tag, which `media` is when taken apart; where that gives a promise, it has no room before that resolves. */
  write(tag: Tag, { track, kind, composition, data }: Media): Promise<void> | undefined {
    const { stdin } = this.#run
    const timestamp = Math.max(0, Math.round(tag.timestamp - this.#base))
    if (this.#matroska === null) stdin.write(encodeTag({ ...tag, timestamp }))
    else if (kind === 'keyframe' || kind === 'frame') {
      const isKeyframe = kind === 'keyframe' || track === 'audio'
      stdin.write(this.#matroska.frame({ track, time: timestamp + composition, isKeyframe, data }))
    }
    return stdin.writableLength > MAX_WAITING_BYTES ? this.#room() : undefined
  }

  /** Lets it write what it has for a moment, and ends it. */
  async close(): Promise<void> {
    this.#isClosing = true
    await stopFfmpeg(this.#run, STOP_MS)
  }

  #room(): Promise<void> {
    const { stdin, exited } = this.#run
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#run.kill('SIGKILL'), PATIENCE_MS)
      const settle = () => {
        clearTimeout(timer)
        stdin.off('drain', settle)
        resolve()
      }
      stdin.once('drain', settle)
      void exited.then(settle)
    })
  }
}
