import type { FfmpegJob } from './job.ts'
import { type FfmpegHandlers, type FfmpegRun, type LogLevel, runFfmpeg } from './run.ts'

/** What an FFmpeg is there for. `name`: of the output that it writes. */
export interface FfmpegPurpose {
  use: 'copy' | 'transcode' | 'play' | 'push' | 'finish' | 'picture'
  stream: string
  name: string | null
}

/** An FFmpeg that runs now. `pid`: null while it is being started. */
export interface RunningFfmpeg {
  pid: number | null
  purpose: FfmpegPurpose
}

/** Those that feed the bus. */
const SOURCES: readonly FfmpegPurpose['use'][] = ['copy', 'transcode', 'play']

/** The FFmpegs of one gateway: it knows which ones run, and what for. */
export class Ffmpegs {
  readonly #path: string
  /** `run`: null while it is being started. */
  readonly #running = new Set<{ purpose: FfmpegPurpose; run: FfmpegRun | null }>()

  /** `path`: of the binary. */
  constructor(path: string) {
    this.#path = path
  }

  /** Starts one, as {@link runFfmpeg} does. */
  async run(job: FfmpegJob, purpose: FfmpegPurpose, handlers: FfmpegHandlers, loglevel?: LogLevel): Promise<FfmpegRun> {
    const entry: { purpose: FfmpegPurpose; run: FfmpegRun | null } = { purpose, run: null }
    this.#running.add(entry)
    const run = await runFfmpeg(this.#path, job, handlers, loglevel)
    entry.run = run
    void run.exited.then(() => this.#running.delete(entry))
    return run
  }

  /** Those that run now. */
  running(): RunningFfmpeg[] {
    return [...this.#running].map(({ run, purpose }) => ({ pid: run?.pid ?? null, purpose }))
  }

  /** Kills those that feed the bus, or all: for a gateway that must end now. */
  kill(which: 'sources' | 'all'): void {
    for (const { run, purpose } of this.#running) {
      if (which === 'all' || SOURCES.includes(purpose.use)) run?.kill('SIGKILL')
    }
  }
}
