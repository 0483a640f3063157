import type { Logger } from 'pino'
import { GatewayError } from '../../shared/errors.ts'
import type { Access, Grant } from '../access/access.ts'
import type { Capacity } from '../access/capacity.ts'
import type { Limits } from '../access/limits.ts'
import type { Directory } from '../broadcast/directory.ts'
import type { Ffmpegs } from '../ffmpeg/ffmpegs.ts'
import { atMost } from '../process/at-most.ts'
import type { Turns } from '../process/turns.ts'
import type { PublishHandlers } from '../rtmp-server/rtmp-server.ts'
import { claimCounted } from './claim.ts'
import { holdToGrant } from './grant.ts'
import { type RtmpSource, startRtmpSource } from './rtmp-source.ts'

/** What publishers over RTMP need of the gateway. */
export interface RtmpPublishersOptions {
  directory: Directory
  access: Access
  limits: Limits
  ffmpegs: Ffmpegs
  turns: Turns
  capacity: Capacity
  log: Logger
  /** Where the gateway plays what is published as `name`. */
  playUrl(name: string): string
  /** Ends the connection of the encoder that publishes `name`. */
  drop(name: string): Promise<void>
}

/** How long an encoder that comes back waits for what it left: it is answered before nginx gives up, which it does after 10 s. */
const CLOSE_PATIENCE_MS = 5_000

interface Entry {
  source: RtmpSource
  release(): void
  /** Settles when all of it has ended; null while its encoder is there. */
  closing: Promise<void> | null
}

/** The encoders that publish to our RTMP server: lets them in, and puts what they publish on the bus. */
export class RtmpPublishers implements PublishHandlers {
  readonly #options: RtmpPublishersOptions
  readonly #sources = new Map<string, Entry>()

  constructor(options: RtmpPublishersOptions) {
    this.#options = options
  }

  async onPublish(name: string, token: string | null, address: string | null): Promise<boolean> {
    const { access, limits, log } = this.#options
    try {
      await limits.note('hellos', address)
      const grant = await access.publish(token, name)
      // One that was here a moment ago may be back before all of it has ended.
      await atMost(CLOSE_PATIENCE_MS, this.#sources.get(name)?.closing ?? Promise.resolve())
      this.#start(name, grant, address)
      return true
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error
      log.warn({ stream: name, code: error.code, reason: error.message }, 'an encoder was refused')
      return false
    }
  }

  onUnpublish(name: string): void {
    const entry = this.#sources.get(name)
    if (!entry) return
    entry.release()
    // It stays in the map until it is closed, so that the gateway does not end before it.
    entry.closing = entry.source.close().then(() => {
      if (this.#sources.get(name) === entry) this.#sources.delete(name)
    })
  }

  /** Ends all of them. */
  async close(): Promise<void> {
    await Promise.all([...this.#sources.values()].map(({ source }) => source.close()))
  }

  #start(name: string, grant: Grant, address: string | null): void {
    const { directory, access, limits, capacity, ffmpegs, turns, playUrl, drop } = this.#options
    const { broadcast, leave } = claimCounted(directory, limits, capacity, { name, source: 'rtmp', address })
    const log = this.#options.log.child(broadcast.logFields)
    const source = startRtmpSource(broadcast, playUrl(name), {
      ffmpegs,
      turns,
      admitTranscode: (picture) => capacity.admitTranscode(picture),
      disconnect: () => void drop(name).then(() => this.onUnpublish(name)),
      log,
    })
    const letGo = holdToGrant(broadcast, grant, access, async (reason) => {
      log.warn({ code: reason.code, reason: reason.message }, 'an encoder is cut off')
      await drop(name)
      this.onUnpublish(name)
    })
    const release = () => {
      letGo()
      leave()
    }
    this.#sources.set(name, { source, release, closing: null })
  }
}
