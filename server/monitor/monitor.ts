import type { Logger } from 'pino'
import { CORES, type ProcessLoad } from '../access/capacity.ts'
import type { Connections } from '../access/connections.ts'
import type { Archive } from '../archive/archive.ts'
import { freeBytes } from '../archive/disk.ts'
import type { Directory } from '../broadcast/directory.ts'
import type { Webhooks } from '../events/webhooks.ts'
import type { FfmpegPurpose, Ffmpegs } from '../ffmpeg/ffmpegs.ts'
import { type Ffmpeg, ffmpegProblem } from '../ffmpeg/locate.ts'
import { MAX_PICTURE } from '../ffmpeg/picture-size.ts'
import type { MediaServer } from '../targets/media-server.ts'
import { EventLoopLag } from './event-loop-lag.ts'
import { findProblems, type Problem } from './problems.ts'
import type { Pulse } from './pulse.ts'
import { childrenOf, UsageSampler } from './usage.ts'

/** How often processes and the disk are looked at. */
const LOOK_MS = 1_000

/** How often while nothing runs and nobody asks, and how long somebody who asked counts as asking, in ms. */
const IDLE_LOOK_MS = 10_000
const ASKING_MS = 5_000

/** A process of the gateway, and what it uses. */
export interface ProcessStatus {
  pid: number
  /** `gateway`, `nginx`, or what an FFmpeg is there for. */
  use: string
  /** The stream and the output that it serves. */
  stream: string | null
  output: string | null
  /** Processors: 0.5 is half of one. */
  cpu: number
  rssBytes: number
}

/** How a gateway is. */
export interface GatewayStatus {
  version: string
  startedAt: string
  ffmpeg: Ffmpeg
  rtmp: { kind: string; url: string; problem: string | null }
  cpu: { used: number; cores: number }
  disk: { freeBytes: number; floorBytes: number }
  processes: ProcessStatus[]
  problems: Problem[]
}

/** What the monitor looks at. */
export interface MonitorOptions {
  version: string
  ffmpeg: Ffmpeg
  ffmpegs: Ffmpegs
  dataDir: string
  floorBytes: number
  directory: Directory
  archive: Archive
  pulse: Pulse
  webhooks: Pick<Webhooks, 'failing'>
  connections: Pick<Connections, 'problem'>
  log: Logger
}

const USES: Record<FfmpegPurpose['use'], string> = {
  copy: 'reads the recording',
  transcode: 'transcodes the recording',
  finish: 'finishes a recording',
  picture: 'makes a picture',
  sound: 'makes the sound of WebRTC',
}

/** Looks after the gateway's processes and disk, and says what is wrong. */
export class Monitor {
  readonly #sampler = new UsageSampler()
  readonly #options: MonitorOptions
  readonly #startedAt = new Date().toISOString()
  readonly #timer: NodeJS.Timeout
  /** How late the event loop is. */
  readonly eventLoopLag = new EventLoopLag()
  #looking: Promise<void> | null = null
  #lookedAt = Number.NEGATIVE_INFINITY
  /** When somebody asked how things are, by `performance.now()`. */
  #askedAt = Number.NEGATIVE_INFINITY
  #rtmp: MediaServer | null = null
  #rtmpUrl = ''
  #rtmpPids: number[] = []
  #ffmpegProblem: string | null = null
  /** Until it is known, there is room. */
  #freeBytes = Number.MAX_SAFE_INTEGER

  constructor(options: MonitorOptions) {
    this.#options = options
    this.#timer = setInterval(() => {
      this.eventLoopLag.follow(options.directory.all().length > 0)
      if (!this.#isDue()) return
      // On a machine that is busy, a look may take longer.
      this.#looking ??= this.#look()
        .catch((error: unknown) => options.log.warn({ err: error }, 'the gateway could not be looked at'))
        .finally(() => {
          this.#looking = null
        })
    }, LOOK_MS)
    this.#timer.unref()
  }

  /** Whether it is time for a look: while there is nothing to see, a look would be all that the gateway does. */
  #isDue(): boolean {
    const now = performance.now()
    const isWatched = this.#options.ffmpegs.running().length > 0 || now - this.#askedAt < ASKING_MS
    if (!isWatched && now - this.#lookedAt < IDLE_LOOK_MS) return false
    this.#lookedAt = now
    return true
  }

  /** The RTMP server is there, at `url`, for people. */
  watch(rtmp: MediaServer, url: string): void {
    this.#rtmp = rtmp
    this.#rtmpUrl = url
  }

  /** Free room on the disk of the data directory. */
  get freeBytes(): number {
    return this.#freeBytes
  }

  status(): GatewayStatus {
    this.#askedAt = performance.now()
    const { version, ffmpeg, floorBytes, directory, archive, pulse, webhooks, connections } = this.#options
    const processes = this.processes()
    const cpu = { used: processes.reduce((sum, process) => sum + process.cpu, 0), cores: CORES }
    const disk = { freeBytes: this.#freeBytes, floorBytes }
    const rtmpProblem = this.#rtmp?.problem() ?? null
    const streams = directory.all().map((broadcast) => ({
      name: broadcast.name,
      state: broadcast.state,
      targets: broadcast.targets(),
      audio: broadcast.epoch?.audio ?? null,
      advice: broadcast.advice,
      behindMs: pulse.of(broadcast).at(-1)?.behindMs ?? 0,
      notRecorded: archive.faultOf(broadcast),
    }))
    const recordings = archive.list().map((entry) => ({ ...entry, isGivenUp: archive.isGivenUp(entry.id) }))
    return {
      version,
      startedAt: this.#startedAt,
      ffmpeg,
      rtmp: { kind: this.#rtmp?.kind ?? 'external', url: this.#rtmpUrl, problem: rtmpProblem },
      ...{ cpu, disk, processes },
      problems: findProblems({
        ...{ rtmpProblem, ffmpegProblem: this.#ffmpegProblem, connectionProblem: connections.problem() },
        webhooks: webhooks.failing(),
        ...{ streams, recordings, disk, cpu },
      }),
    }
  }

  /** How often the RTMP server was started again. */
  get rtmpRestarts(): number {
    return this.#rtmp?.restarts() ?? 0
  }

  /** What each of the gateway's processes uses, also those that are being started. */
  load(): ProcessLoad[] {
    return this.#all().map(({ pid, picture }) => {
      const usage = pid === null ? null : this.#sampler.of(pid)
      return { picture, cpu: usage?.cpu ?? null, rssBytes: usage?.rssBytes ?? null }
    })
  }

  close(): void {
    clearInterval(this.#timer)
    this.eventLoopLag.follow(false)
  }

  /** The gateway's processes, as they were a moment ago. */
  processes(): ProcessStatus[] {
    return this.#all().flatMap(({ pid, picture: _, ...rest }) =>
      pid === null ? [] : { pid, ...rest, ...(this.#sampler.of(pid) ?? { cpu: 0, rssBytes: 0 }) },
    )
  }

  /** All of them, and what they are there for. `pid`: null for one that is being started. */
  #all() {
    const own = { pid: process.pid, use: 'gateway', stream: null, output: null, picture: null }
    const rtmp = this.#rtmpPids.map((pid) => ({ pid, use: 'nginx', stream: null, output: null, picture: null }))
    const ffmpegs = this.#options.ffmpegs.running().map(({ pid, purpose: { use, stream, name, picture } }) => ({
      ...{ pid, use: USES[use], stream, output: name, picture: use === 'transcode' ? (picture ?? MAX_PICTURE) : null },
    }))
    return [own, ...rtmp, ...ffmpegs]
  }

  async #look(): Promise<void> {
    const rtmp = this.#rtmp?.pid() ?? null
    this.#rtmpPids = rtmp === null ? [] : [rtmp, ...(await childrenOf(rtmp))]
    const { ffmpeg, dataDir } = this.#options
    this.#ffmpegProblem = await ffmpegProblem(ffmpeg)
    await this.#sampler.sample(this.#all().flatMap(({ pid }) => pid ?? []))
    this.#freeBytes = await freeBytes(`${dataDir}/.`)
  }
}
