import { availableParallelism, totalmem } from 'node:os'
import { GatewayError } from '../../shared/errors.ts'
import { needOf } from '../ffmpeg/limits.ts'
import type { PictureSize } from '../ffmpeg/picture-size.ts'

/** Processors that there are. */
export const CORES = availableParallelism()

/** What a gateway takes on, at most. */
export interface CapacityOptions {
  /** Broadcasts at a time; null for any number. */
  maxBroadcasts: number | null
  /** Share of all processors, in percent, from which on no more transcoding is begun. */
  maxCpuPercent: number
}

/** What a process of the gateway uses: processors, and memory in bytes; null for one that is too young to tell. */
export interface ProcessLoad {
  /** What it transcodes to; null for one that does not. */
  picture: PictureSize | null
  cpu: number | null
  rssBytes: number | null
}

/** Memory of the machine, or of the container, in bytes. */
export interface Memory {
  total: number
  available: number
}

/**
 * What a transcoder is taken to need in its first two seconds, in processors. A picture of 720p needs more, but one that is refused for nothing
 * is worse than one too many for a moment, which makes all of them late and loses nothing.
 */
const YOUNG_CPU = 0.3

/** Share of all memory that transcoders leave alone: for the gateway, and for what the system keeps of files. */
const MEMORY_LEFT = 1 / 8

/** Refuses what would make those suffer that run already. */
export class Capacity {
  readonly #options: CapacityOptions
  readonly #load: () => ProcessLoad[]
  readonly #memory: () => Memory

  /** `load`: of each process of the gateway. */
  constructor(options: CapacityOptions, load: () => ProcessLoad[], memory: () => Memory = memoryOfMachine) {
    this.#options = options
    this.#load = load
    this.#memory = memory
  }

  /**
   * One more broadcast is to begin, where there are `count`.
   * @throws GatewayError `unavailable`
   */
  admitBroadcast(count: number): void {
    const { maxBroadcasts } = this.#options
    if (maxBroadcasts === null || count < maxBroadcasts) return
    const words = maxBroadcasts === 1 ? 'one broadcast' : `${maxBroadcasts} broadcasts`
    throw new GatewayError('unavailable', `This server takes ${words} at a time. Try again when one has ended.`)
  }

  /**
   * One more transcoder is to begin, to a picture of this size; null where that is not known. It is refused where there are others, and the gateway needs all processors that it
   * may: what else runs on the machine is not counted, since its end cannot be waited for. And where there is no memory for it, beside what those
   * that run were promised and have not taken yet.
   * @throws GatewayError `no_capacity`
   */
  admitTranscode(picture: PictureSize | null): void {
    const processes = this.#load()
    const used = processes.reduce((sum, { cpu, picture }) => sum + (cpu ?? (picture ? YOUNG_CPU : 0)), 0)
    const isBusy = (used / CORES) * 100 >= this.#options.maxCpuPercent
    if (isBusy && processes.some((process) => process.picture)) throw noRoom()
    const promised = processes.reduce(
      (sum, { picture, rssBytes }) => sum + (picture ? Math.max(0, needOf(picture) - (rssBytes ?? 0)) : 0),
      0,
    )
    const { total, available } = this.#memory()
    if (available - promised - total * MEMORY_LEFT < needOf(picture)) throw noRoom()
  }
}

/** What the container may have, where there is one (`memory.max` of cgroups), else the machine. */
function memoryOfMachine(): Memory {
  const limit = process.constrainedMemory()
  return { total: limit > 0 && limit < totalmem() ? limit : totalmem(), available: process.availableMemory() }
}

function noRoom(): GatewayError {
  return new GatewayError(
    'no_capacity',
    'This server has no room to convert another picture to H.264 now. Use a browser that records H.264, such as Chrome, or try again later.',
  )
}
