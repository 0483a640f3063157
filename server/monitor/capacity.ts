import { IngestError } from '../../shared/close-codes.ts'
import type { RunningFfmpeg } from '../ffmpeg/ffmpegs.ts'
import { CORES, type Usage } from './usage.ts'

/** What a gateway takes on, at most. */
export interface CapacityOptions {
  /** Broadcasts at a time; null for any number. */
  maxBroadcasts: number | null
  /** Share of all processors, in percent, from which on no more transcoding is begun. */
  maxCpuPercent: number
}

/** What a transcoder is taken to need while it is too young to tell, in processors: a picture of 720p needs as much. */
const YOUNG_CPU = 0.5

/** Refuses what would make those suffer that run already. */
export class Capacity {
  readonly #options: CapacityOptions
  readonly #running: () => RunningFfmpeg[]
  readonly #usageOf: (pid: number) => Usage | null

  constructor(options: CapacityOptions, running: () => RunningFfmpeg[], usageOf: (pid: number) => Usage | null) {
    this.#options = options
    this.#running = running
    this.#usageOf = usageOf
  }

  /**
   * One more broadcast is to begin, where there are `count`.
   * @throws IngestError `unavailable`
   */
  admitBroadcast(count: number): void {
    const { maxBroadcasts } = this.#options
    if (maxBroadcasts === null || count < maxBroadcasts) return
    const words = maxBroadcasts === 1 ? 'one broadcast' : `${maxBroadcasts} broadcasts`
    throw new IngestError('unavailable', `This server takes ${words} at a time. Try again when one has ended.`)
  }

  /**
   * One more transcoder is to begin. It is refused while there are others, and they need what there is: what else runs on the machine is
   * not counted, since its end cannot be waited for.
   * @throws IngestError `no_capacity`
   */
  admitTranscode(): void {
    const transcoders = this.#running().filter(({ purpose }) => purpose.use === 'transcode')
    const used = transcoders.reduce((sum, { pid }) => sum + (this.#usageOf(pid)?.cpu ?? YOUNG_CPU), 0)
    if (transcoders.length === 0 || (used / CORES) * 100 < this.#options.maxCpuPercent) return
    throw new IngestError(
      'no_capacity',
      'This server has no room to convert another picture to H.264 now. Use a browser that records H.264, such as Chrome, or try again later.',
    )
  }
}
