import type { FfmpegJob } from './job.ts'
import { limitsOf } from './limits.ts'
import type { PictureSize } from './picture-size.ts'
import { type FfmpegHandlers, type FfmpegRun, notStarted, runFfmpeg } from './run.ts'

/** What an FFmpeg does. */
export type FfmpegUse = 'copy' | 'transcode' | 'finish' | 'picture' | 'sound'

/** What an FFmpeg is there for. `name`: of the output that it writes. `picture`: what it transcodes to. */
export interface FfmpegPurpose {
  use: FfmpegUse
  picture?: PictureSize | null
  stream: string
  name: string | null
}

/** An FFmpeg that runs now. `pid`: null while it is being started, or where it could not be. */
export interface RunningFfmpeg {
  pid: number | null
  purpose: FfmpegPurpose
}

/** Those that feed the bus. */
const SOURCES: readonly FfmpegPurpose['use'][] = ['copy', 'transcode']

/** The FFmpegs of one gateway: it knows which ones run, and what for. */
export class Ffmpegs {
  readonly #path: string
  #ending: 'sources' | 'all' | null = null
  /** `run`: null while it waits for its turn. */
  readonly #running = new Set<{ purpose: FfmpegPurpose; run: FfmpegRun | null }>()
  #turn: Promise<void> = Promise.resolve()

  /** `path`: of the binary. */
  constructor(path: string) {
    this.#path = path
  }

  /** Whether they are ended, and none should be started any more. */
  get isEnding(): boolean {
    return this.#ending !== null
  }

  /** Starts one, as {@link runFfmpeg} does, within the limits of its use. */
  async run(job: FfmpegJob, purpose: FfmpegPurpose, handlers: FfmpegHandlers): Promise<FfmpegRun> {
    const entry: { purpose: FfmpegPurpose; run: FfmpegRun | null } = { purpose, run: null }
    this.#running.add(entry)
    await this.#nextTurn()
    if (this.#ending === 'all' || (this.#ending === 'sources' && SOURCES.includes(purpose.use))) {
      this.#running.delete(entry)
      return notStarted('The gateway is shutting down.')
    }
    const limits = limitsOf(purpose.use, purpose.picture)
    const run = runFfmpeg(this.#path, job, handlers, { limits })
    entry.run = run
    void run.exited.then(() => this.#running.delete(entry))
    return run
  }

  /** To start a process takes some milliseconds in which nothing else is done: there is one in each turn of the event loop. */
  #nextTurn(): Promise<void> {
    this.#turn = this.#turn.then(() => new Promise((resolve) => setImmediate(resolve)))
    return this.#turn
  }

  /** Those that run now. */
  running(): RunningFfmpeg[] {
    return [...this.#running].map(({ run, purpose }) => ({ pid: run?.pid ?? null, purpose }))
  }

  /** Kills those that feed the bus, or all: for a gateway that must end now. */
  kill(which: 'sources' | 'all'): void {
    this.#ending = which
    for (const { run, purpose } of this.#running) {
      if (which === 'all' || SOURCES.includes(purpose.use)) run?.kill('SIGKILL')
    }
  }
}
