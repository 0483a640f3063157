import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from 'pino'
import { GatewayError } from '../../shared/errors.ts'
import { isStreamName, STREAM_NAME_RULE } from '../../shared/stream-name.ts'
import type { Access, Grant } from '../access/access.ts'
import type { Capacity } from '../access/capacity.ts'
import type { Limits } from '../access/limits.ts'
import type { Broadcast } from '../broadcast/broadcast.ts'
import type { Directory } from '../broadcast/directory.ts'
import type { Ffmpegs } from '../ffmpeg/ffmpegs.ts'
import type { PictureSize } from '../ffmpeg/picture-size.ts'
import type { Turns } from '../process/turns.ts'
import type { RtmpPeer, RtmpRequest, RtmpSink } from '../rtmp/peer.ts'
import { claimCounted } from './claim.ts'
import { holdToGrant } from './grant.ts'
import { RtmpSource } from './rtmp-source.ts'

/** What publishers over RTMP need of the gateway. */
export interface RtmpIngestOptions {
  directory: Directory
  access: Access
  limits: Limits
  ffmpegs: Ffmpegs
  turns: Turns
  capacity: Capacity
  mostPicture: PictureSize
  /** How long an encoder whose connection was lost is waited for. */
  resumeSeconds: number
  log: Logger
  /** An encoder that was let in is not taken any more. */
  onCutOff(refusal: { name: string; address: string | null; error: GatewayError }): void
}

/** Where nothing came of a connection for so long, in ms, it may be dead: the encoder that comes back has it no more. */
const SILENT_MS = 2_000

/** An encoder that publishes, or did so a moment ago. */
interface Encoder {
  broadcast: Broadcast
  source: RtmpSource
  grant: Grant
  /** Where it publishes from: null for this machine. */
  address: string | null
  /** Its connection; null while it is waited for. */
  peer: RtmpPeer | null
  /** Ends what holds the connection to what was granted. */
  letGo(): void
  /** Gives back the place among broadcasts. */
  leave(): void
  /** Runs while it is waited for. */
  waiting: NodeJS.Timeout | undefined
  /** Settles when all of it has ended; null before that. */
  ending: Promise<void> | null
}

/** The encoders that publish over RTMP: lets them in, puts what they send on the bus, and lets each take over from itself when it comes back. */
export class RtmpIngest {
  readonly #options: RtmpIngestOptions
  readonly #encoders = new Map<string, Encoder>()

  constructor(options: RtmpIngestOptions) {
    this.#options = options
  }

  /**
   * Lets an encoder in.
   * @throws GatewayError where it may not publish, or not now
   */
  async publish({ name, params, peer }: RtmpRequest): Promise<RtmpSink> {
    const { access, limits } = this.#options
    await limits.note('hellos', peer.address)
    if (!isStreamName(name)) {
      throw new GatewayError('bad_request', `The stream key must begin with a stream name: ${STREAM_NAME_RULE}.`)
    }
    const [token = null, ...others] = params.getAll('token')
    if (others.length > 0) throw new GatewayError('bad_request', 'The stream key has more than one token.')
    const grant = await access.publish(token, name)
    const encoder = (await this.#takeOver(name, grant, peer)) ?? this.#begin(name, grant, peer)
    return this.#sinkOf(encoder, peer)
  }

  /** Ends all of them. */
  async close(): Promise<void> {
    const words = 'This server is shutting down. Publish again in a moment.'
    for (const { peer } of this.#encoders.values()) peer?.refuse(new GatewayError('unavailable', words))
    await Promise.all([...this.#encoders.keys()].map((name) => this.#end(name)))
  }

  #begin(name: string, grant: Grant, peer: RtmpPeer): Encoder {
    const { directory, limits, capacity, ffmpegs, turns, mostPicture } = this.#options
    const { address } = peer
    const { broadcast, leave } = claimCounted(directory, limits, capacity, { name, source: 'rtmp', address })
    const log = this.#options.log.child(broadcast.logFields)
    const source = new RtmpSource(broadcast, {
      ...{ ffmpegs, turns, capacity, mostPicture, log },
      onRefused: (error) => this.#cutOff(name, error),
    })
    const letGo = () => {}
    const encoder: Encoder = {
      ...{ broadcast, source, grant, address, peer, letGo, leave, waiting: undefined, ending: null },
    }
    this.#encoders.set(name, encoder)
    this.#hold(encoder)
    log.info({ source: 'rtmp', address }, 'broadcast began')
    return encoder
  }

  /** Gives an encoder that comes back its broadcast; null where it has none. @throws GatewayError `name_taken` for another's */
  async #takeOver(name: string, grant: Grant, peer: RtmpPeer): Promise<Encoder | null> {
    const encoder = this.#encoders.get(name)
    if (!encoder) return null
    if (encoder.ending) {
      await encoder.ending
      return this.#takeOver(name, grant, peer)
    }
    if (!(await this.#isSame(encoder, grant, peer))) throw taken(name)
    // It may have ended, or come back otherwise, while it was looked at.
    if (this.#encoders.get(name) !== encoder || encoder.ending) return this.#takeOver(name, grant, peer)
    const { broadcast, source } = encoder
    const old = encoder.peer
    clearTimeout(encoder.waiting)
    encoder.letGo()
    Object.assign(encoder, { peer, grant, address: peer.address })
    old?.refuse(new GatewayError('taken_over', 'The encoder has connected anew, and this connection is over.'))
    await source.anew()
    broadcast.sourcePresent = true
    this.#hold(encoder)
    this.#options.log.info({ ...broadcast.logFields, address: peer.address }, 'the encoder is back')
    return encoder
  }

  /**
   * Whether `peer` is the encoder that publishes, or did: it has the same token, or, where none is needed, the same address, and the connection before
   * is gone or gives nothing any more.
   */
  async #isSame(encoder: Encoder, grant: Grant, peer: RtmpPeer): Promise<boolean> {
    if (grant.tokenId !== null) return grant.tokenId === encoder.grant.tokenId
    if (encoder.grant.tokenId !== null || encoder.address !== peer.address) return false
    if (encoder.peer === null) return true
    const { bytesIn } = encoder.broadcast
    await delay(SILENT_MS)
    return encoder.peer === null || encoder.broadcast.bytesIn === bytesIn
  }

  #hold(encoder: Encoder): void {
    const { broadcast, grant } = encoder
    encoder.letGo = holdToGrant(broadcast, grant, this.#options.access, async (reason) => {
      this.#cutOff(broadcast.name, reason)
      await this.#end(broadcast.name)
    })
  }

  #sinkOf(encoder: Encoder, peer: RtmpPeer): RtmpSink {
    const { source, broadcast } = encoder
    const isCurrent = () => encoder.peer === peer
    return {
      tag: (tag) => (isCurrent() ? source.tag(tag) : undefined),
      metadata: (values) => {
        if (isCurrent()) source.metadata(values)
      },
      end: (how) => {
        if (!isCurrent() || encoder.ending) return
        if (how === 'over') void this.#end(broadcast.name)
        else this.#await(encoder)
      },
    }
  }

  /** Its connection is gone, and it did not say that it is through: it may come back. */
  #await(encoder: Encoder): void {
    const { broadcast } = encoder
    encoder.peer = null
    encoder.letGo()
    broadcast.sourcePresent = false
    const { resumeSeconds, log } = this.#options
    log.warn({ ...broadcast.logFields, seconds: resumeSeconds }, 'the encoder is gone, and is waited for')
    encoder.waiting = setTimeout(() => void this.#end(broadcast.name), resumeSeconds * 1000)
  }

  /** Tells an encoder why it is not taken any more, and ends its broadcast. */
  #cutOff(name: string, reason: GatewayError): void {
    const encoder = this.#encoders.get(name)
    if (!encoder) return
    const { broadcast, address } = encoder
    const log = { ...broadcast.logFields, address, code: reason.code, reason: reason.message }
    this.#options.log.warn(log, 'an encoder is cut off')
    this.#options.onCutOff({ name, address, error: reason })
    const { peer } = encoder
    // What it says of its end is not that it is through, and not that it is waited for.
    void this.#end(name)
    peer?.refuse(reason)
  }

  #end(name: string): Promise<void> {
    const encoder = this.#encoders.get(name)
    if (!encoder) return Promise.resolve()
    encoder.ending ??= this.#endNow(name, encoder)
    return encoder.ending
  }

  async #endNow(name: string, encoder: Encoder): Promise<void> {
    const { broadcast, source } = encoder
    clearTimeout(encoder.waiting)
    encoder.letGo()
    encoder.leave()
    await source.end()
    await broadcast.end()
    this.#encoders.delete(name)
    this.#options.log.info({ ...broadcast.logFields, bytesIn: broadcast.bytesIn }, 'broadcast ended')
  }
}

function taken(name: string): GatewayError {
  return new GatewayError(
    'name_taken',
    `An encoder publishes "${name}" already. Stop it, or choose another stream name.`,
  )
}
