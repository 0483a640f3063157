import { randomBytes } from 'node:crypto'
import type { Logger } from 'pino'
import { GatewayError } from '../../shared/errors.ts'
import type { TargetSource, TargetStatus } from '../../shared/status.ts'
import { coversStream } from '../access/claims.ts'
import type { Broadcast } from '../broadcast/broadcast.ts'
import { HostPolicy } from '../net/host-policy.ts'
import { type ConfiguredTarget, readTarget, secretsOf, type TargetInput } from './address.ts'
import { rtmpTarget } from './rtmp.ts'
import { startTarget, type Target } from './target.ts'

/** Most targets of one broadcast: each is an upload of its own. */

const MAX_TARGETS = 20

/** A platform that is down is not asked more often than this. */
const MAX_RETRY_DELAY_MS = 15_000

/** Who has added a target. */
export type AddedBy = Exclude<TargetSource, 'gateway'>

/** What the targets of broadcasts need of the gateway. */
export interface TargetsOptions {
  targets: readonly ConfiguredTarget[]
  /** Where broadcasts may be sent to: see {@link HostPolicy}. The hosts of `targets` are allowed, too. */
  hosts: readonly string[]
  log: Logger
  /** A target of a broadcast is in another state. */
  onState(broadcast: Broadcast, target: TargetStatus): void
}

/** The targets of all broadcasts: those that are configured, and those that someone adds while they are live. */
export class Targets {
  readonly #options: TargetsOptions
  readonly #policy: HostPolicy
  readonly #outputs = new WeakMap<Broadcast, Map<string, Target>>()

  /** @throws GatewayError or SyntaxError for what is configured wrongly */
  constructor(options: TargetsOptions) {
    this.#options = options
    const named = options.targets.map((target) => readTarget(target).host)
    this.#policy = HostPolicy.withNamed(options.hosts, named)
  }

  /** Sends a broadcast that became live to the targets that are configured for it. */
  start(broadcast: Broadcast): void {
    for (const target of this.#options.targets) {
      if (coversStream(target.streams, broadcast.name)) this.#start(broadcast, target, 'operator')
    }
  }

  /**
   * Sends a broadcast to one more target.
   * @throws GatewayError `bad_message` for one that cannot be read, `forbidden` for one that is not allowed, `too_many`, and `unavailable`
   * where nothing is live
   */
  add(broadcast: Broadcast, input: TargetInput, by: AddedBy): TargetStatus {
    this.#policy.requireHost(readTarget(input).host)
    if (!broadcast.hasMedia)
      throw new GatewayError('unavailable', 'The broadcast is not live yet. Try again in a moment.')
    if (this.#of(broadcast).size >= MAX_TARGETS) {
      throw new GatewayError('too_many', `A broadcast goes to ${MAX_TARGETS} targets at most.`)
    }
    return this.#start(broadcast, input, by).status()
  }

  /** A target of a broadcast that `by` may change: an operator any, a publisher what a publisher has added. Else null. */
  find(broadcast: Broadcast, id: string, by: AddedBy): Target | null {
    const output = this.#outputs.get(broadcast)?.get(id)
    return output && (by === 'operator' || output.status().addedBy === 'publisher') ? output : null
  }

  /** Ends a target. The others of the broadcast do not feel it. */
  async remove(broadcast: Broadcast, output: Target): Promise<void> {
    this.#of(broadcast).delete(output.id)
    await broadcast.removeOutput(output)
  }

  #start(broadcast: Broadcast, input: TargetInput, by: AddedBy): Target {
    const { log, onState } = this.#options
    const id = randomBytes(6).toString('base64url')
    const target = readTarget(input)
    const { name, host } = target
    const output = startTarget(
      broadcast,
      {
        ...{ id, name, host, addedBy: by, log, secrets: secretsOf(target), maxRetryDelayMs: MAX_RETRY_DELAY_MS },
        onState: (status) => onState(broadcast, status),
      },
      rtmpTarget(target, this.#policy),
    )
    this.#of(broadcast).set(id, output)
    broadcast.addOutput(output)
    return output
  }

  #of(broadcast: Broadcast): Map<string, Target> {
    const outputs = this.#outputs.get(broadcast) ?? new Map<string, Target>()
    this.#outputs.set(broadcast, outputs)
    return outputs
  }
}
