import type { FfmpegJob } from './job.ts'
import { type FfmpegHandlers, type FfmpegRun, type LogLevel, runFfmpeg } from './run.ts'

/** What an FFmpeg is there for. `name`: of the output that it writes. */
export interface FfmpegPurpose {
  use: 'copy' | 'transcode' | 'play' | 'push' | 'finish' | 'picture'
  stream: string
  name: string | null
}

/** An FFmpeg that runs now. */
export interface RunningFfmpeg {
  pid: number
  purpose: FfmpegPurpose
}

/** Those that feed the bus. */
const SOURCES: readonly FfmpegPurpose['use'][] = ['copy', 'transcode', 'play']

/** The FFmpegs of one gateway: it knows which ones run, and what for. */
export class Ffmpegs {
  readonly #path: string
  readonly #running = new Map<FfmpegRun, FfmpegPurpose>()

  /** `path`: of the binary. */
  constructor(path: string) {
    this.#path = path
  }

  /** Starts one, as {@link runFfmpeg} does. */
  async run(job: FfmpegJob, purpose: FfmpegPurpose, handlers: FfmpegHandlers, loglevel?: LogLevel): Promise<FfmpegRun> {
    const run = await runFfmpeg(this.#path, job, handlers, loglevel)
    this.#running.set(run, purpose)
    void run.exited.then(() => this.#running.delete(run))
    return run
  }

  /** Those that run now. */
  running(): RunningFfmpeg[] {
    return [...this.#running].flatMap(([{ pid }, purpose]) => (pid === undefined ? [] : { pid, purpose }))
  }

  /** Kills those that feed the bus, or all: for a gateway that must end now. */
  kill(which: 'sources' | 'all'): void {
    for (const [run, { use }] of this.#running) if (which === 'all' || SOURCES.includes(use)) run.kill('SIGKILL')
  }
}
