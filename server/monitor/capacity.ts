import { IngestError } from '../../shared/close-codes.ts'
import { CORES } from './usage.ts'

/** What a gateway takes on, at most. */
export interface CapacityOptions {
  /** Broadcasts at a time; null for any number. */
  maxBroadcasts: number | null
  /** Share of all processors, in percent, from which on no more transcoding is begun. */
  maxCpuPercent: number
}

/** What a process of the gateway uses, in processors; null for one that is too young to tell. */
export interface ProcessLoad {
  transcodes: boolean
  cpu: number | null
}

/**
 * What a transcoder is taken to need in its first two seconds, in processors. A picture of 720p needs more, but one that is refused for nothing
 * is worse than one too many for a moment, which makes all of them late and loses nothing.
 */
const YOUNG_CPU = 0.3

/** Refuses what would make those suffer that run already. */
export class Capacity {
  readonly #options: CapacityOptions
  readonly #load: () => ProcessLoad[]

  /** `load`: of each process of the gateway. */
  constructor(options: CapacityOptions, load: () => ProcessLoad[]) {
    this.#options = options
    this.#load = load
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
   * One more transcoder is to begin. It is refused where there are others, and the gateway needs all that it may. What else runs on the machine
   * is not counted, since its end cannot be waited for.
   * @throws IngestError `no_capacity`
   */
  admitTranscode(): void {
    const processes = this.#load()
    const used = processes.reduce((sum, { cpu, transcodes }) => sum + (cpu ?? (transcodes ? YOUNG_CPU : 0)), 0)
    if ((used / CORES) * 100 < this.#options.maxCpuPercent || !processes.some(({ transcodes }) => transcodes)) return
    throw new IngestError(
      'no_capacity',
      'This server has no room to convert another picture to H.264 now. Use a browser that records H.264, such as Chrome, or try again later.',
    )
  }
}
