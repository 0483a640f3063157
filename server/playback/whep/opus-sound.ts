import type { Logger } from 'pino'
import type { Ffmpegs } from '../../ffmpeg/ffmpegs.ts'
import { opusJob } from '../../ffmpeg/jobs.ts'
import { OggReader } from '../../ffmpeg/ogg.ts'
import { type FfmpegRun, stopFfmpeg } from '../../ffmpeg/run.ts'
import type { BusTag } from '../../flv/gop-cache.ts'
import { encodeFileHeader } from '../../flv/tag.ts'

/** Length of a frame, in ms, as the job asks for it. */
const FRAME_MS = 20
/** How much earlier than its sound the first frame begins, in ms: what the encoder looks ahead (RFC 7845, section 4.2: pre-skip of 312 samples). */
const LOOK_AHEAD_MS = 6.5
/** Where the sound jumps by more, in ms, another encoder begins: frames are counted, and have no times of their own. */
const MAX_GAP_MS = 500
/**
 * What waited while FFmpeg was started comes at once, and players would keep all of it, and the picture as far behind: it is left out until the sound
 * is so near, in ms, or for so many frames.
 */
const CAUGHT_UP_MS = 200
const MAX_LEFT_OUT = 250
/** Bytes that wait for FFmpeg: seconds of sound; what is more is left out. */
const MAX_WAITING_BYTES = 512 * 1024
/** Times that FFmpeg may be lost before there is no sound any more. */
const MAX_LOSSES = 5
const STOP_MS = 1_000

/** What it needs, and whom it gives frames to: at `time`, in ms of the bus. */
export interface OpusSoundOptions {
  ffmpegs: Ffmpegs
  stream: string
  log: Logger
  onFrame(payload: Buffer, time: number): void
}

/** Makes Opus of the AAC of one broadcast, by one FFmpeg, for all that watch over WebRTC. */
export class OpusSound {
  readonly #options: OpusSoundOptions
  #run: Promise<FfmpegRun> | null = null
  #stdin: FfmpegRun['stdin'] | null = null
  #header: Buffer | null = null
  #waiting: Buffer[] = []
  #next: number | null = null
  #losses = 0
  #isClosed = false

  constructor(options: OpusSoundOptions) {
    this.#options = options
  }

  /** Takes a header or a frame of AAC. */
  push({ kind, timestamp, bytes }: BusTag): void {
    if (this.#isClosed || this.#losses > MAX_LOSSES) return
    if (kind === 'audio-header') {
      if (this.#header && !this.#header.equals(bytes)) this.#stop()
      this.#header = Buffer.from(bytes)
      return
    }
    if (kind !== 'audio' || !this.#header) return
    if (this.#next !== null && Math.abs(timestamp - this.#next) > MAX_GAP_MS) this.#stop()
    this.#next = timestamp
    if (this.#run === null) this.#start(timestamp)
    if (this.#stdin === null) this.#waiting.push(bytes)
    else if (this.#stdin.writableLength < MAX_WAITING_BYTES) this.#stdin.write(bytes)
  }

  close(): void {
    this.#isClosed = true
    this.#stop()
  }

  #start(from: number): void {
    const { ffmpegs, stream, log, onFrame } = this.#options
    const reader = new OggReader()
    let packets = 0
    let hasCaughtUp = false
    const purpose = { use: 'sound' as const, picture: null, stream, name: 'whep' }
    const started = ffmpegs.run(opusJob(), purpose, {
      onOutput: (bytes) => {
        if (this.#run !== started) return
        // The first two are heads (RFC 7845, section 5).
        for (const packet of reader.read(bytes)) {
          const number = packets++ - 2
          const time = from + number * FRAME_MS - LOOK_AHEAD_MS
          hasCaughtUp ||= (this.#next ?? time) - time < CAUGHT_UP_MS || number > MAX_LEFT_OUT
          if (number >= 0 && hasCaughtUp) onFrame(packet, time)
        }
      },
    })
    this.#run = started
    void started.then((run) => {
      if (this.#run !== started) return void stopFfmpeg(run, 0)
      this.#stdin = run.stdin
      run.stdin.write(encodeFileHeader({ video: false, audio: true }))
      if (this.#header) run.stdin.write(this.#header)
      for (const bytes of this.#waiting.splice(0)) run.stdin.write(bytes)
      void run.exited.then((exit) => {
        if (this.#run !== started) return
        this.#losses++
        log.warn({ stream, reason: exit.message }, 'the FFmpeg that makes Opus was lost')
        this.#forget()
      })
    })
  }

  #stop(): void {
    const run = this.#run
    this.#forget()
    void run?.then((each) => stopFfmpeg(each, STOP_MS))
  }

  #forget(): void {
    this.#run = null
    this.#stdin = null
    this.#waiting = []
    this.#next = null
  }
}
