import { randomBytes } from 'node:crypto'
import type { Logger } from 'pino'
import { IngestError } from '../../shared/close-codes.ts'
import type { TargetSource, TargetStatus } from '../../shared/status.ts'
import { coversStream } from '../access/claims.ts'
import type { Broadcast } from '../broadcast/broadcast.ts'
import type { Ffmpegs } from '../ffmpeg/ffmpegs.ts'
import { HostPolicy } from '../net/host-policy.ts'
import { type ConfiguredDestination, type DestinationInput, readDestination } from './address.ts'
import type { FfmpegOutput } from './ffmpeg-output.ts'
import { startDestination } from './rtmp.ts'

/** Most destinations of one broadcast: each is an FFmpeg and an upload of its own. */
const MOST_TARGETS = 20

/** Who has added a destination. */
export type AddedBy = Exclude<TargetSource, 'gateway'>

/** What the destinations of broadcasts need of the gateway. */
export interface TargetsOptions {
  destinations: readonly ConfiguredDestination[]
  /** Where broadcasts may be sent to: see {@link HostPolicy}. The hosts of `destinations` are allowed, too. */
  hosts: readonly string[]
  ffmpegs: Ffmpegs
  log: Logger
  /** A target of a broadcast is in another state. */
  onState(broadcast: Broadcast, target: TargetStatus): void
}

/** The destinations of all broadcasts: those that are configured, and those that someone adds while they are live. */
export class Targets {
  readonly #options: TargetsOptions
  readonly #policy: HostPolicy
  readonly #outputs = new WeakMap<Broadcast, Map<string, FfmpegOutput>>()

  /** @throws IngestError or SyntaxError for what is configured wrongly */
  constructor(options: TargetsOptions) {
    this.#options = options
    const named = options.destinations.map((destination) => readDestination(destination).host)
    this.#policy = HostPolicy.withNamed(options.hosts, named)
  }

  /** Sends a broadcast that became live to the destinations that are configured for it. */
  start(broadcast: Broadcast): void {
    for (const destination of this.#options.destinations) {
      if (coversStream(destination.streams, broadcast.name)) this.#start(broadcast, destination, 'operator')
    }
  }

  /**
   * Sends a broadcast to one more destination.
   * @throws IngestError `bad_message` for one that cannot be read, `forbidden` for one that is not allowed, `too_many`, and `unavailable`
   * where nothing is live
   */
  add(broadcast: Broadcast, input: DestinationInput, by: AddedBy): TargetStatus {
    this.#policy.requireHost(readDestination(input).host)
    if (!broadcast.hasMedia)
      throw new IngestError('unavailable', 'The broadcast is not live yet. Try again in a moment.')
    if (this.#of(broadcast).size >= MOST_TARGETS) {
      throw new IngestError('too_many', `A broadcast goes to ${MOST_TARGETS} destinations at most.`)
    }
    return this.#start(broadcast, input, by).status()
  }

  /** A destination of a broadcast that `by` may change: an operator any, a publisher what a publisher has added. Else null. */
  find(broadcast: Broadcast, id: string, by: AddedBy): FfmpegOutput | null {
    const output = this.#outputs.get(broadcast)?.get(id)
    return output && (by === 'operator' || output.status().addedBy === 'publisher') ? output : null
  }

  /** Ends a destination. The others of the broadcast do not feel it. */
  async remove(broadcast: Broadcast, output: FfmpegOutput): Promise<void> {
    this.#of(broadcast).delete(output.id)
    await broadcast.removeOutput(output)
  }

  #start(broadcast: Broadcast, input: DestinationInput, by: AddedBy): FfmpegOutput {
    const { ffmpegs, log, onState } = this.#options
    const id = randomBytes(6).toString('base64url')
    const output = startDestination(broadcast, readDestination(input), {
      ...{ id, addedBy: by, ffmpegs, log, policy: this.#policy },
      onState: (target) => onState(broadcast, target),
    })
    this.#of(broadcast).set(id, output)
    broadcast.addOutput(output)
    return output
  }

  #of(broadcast: Broadcast): Map<string, FfmpegOutput> {
    const outputs = this.#outputs.get(broadcast) ?? new Map<string, FfmpegOutput>()
    this.#outputs.set(broadcast, outputs)
    return outputs
  }
}
