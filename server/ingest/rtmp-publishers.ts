import type { Logger } from 'pino'
import { IngestError } from '../../shared/close-codes.ts'
import type { Access, Grant } from '../access/access.ts'
import type { Limits } from '../access/limits.ts'
import type { Directory } from '../broadcast/directory.ts'
import type { Ffmpegs } from '../ffmpeg/ffmpegs.ts'
import type { Capacity } from '../monitor/capacity.ts'
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
  capacity: Capacity
  log: Logger
  /** Where the gateway plays what is published as `name`. */
  playUrl(name: string): string
  /** Ends the connection of the encoder that publishes `name`. */
  drop(name: string): Promise<void>
}

/** The encoders that publish to our RTMP server: lets them in, and puts what they publish on the bus. */
export class RtmpPublishers implements PublishHandlers {
  readonly #options: RtmpPublishersOptions
  readonly #sources = new Map<string, { source: RtmpSource; release(): void }>()

  constructor(options: RtmpPublishersOptions) {
    this.#options = options
  }

  async onPublish(name: string, token: string | null): Promise<boolean> {
    const { access, log } = this.#options
    try {
      this.#start(name, await access.publish(token, name))
      return true
    } catch (error) {
      if (!(error instanceof IngestError)) throw error
      log.warn({ stream: name, code: error.code, reason: error.message }, 'an encoder was refused')
      return false
    }
  }

  onUnpublish(name: string): void {
    const entry = this.#sources.get(name)
    entry?.release()
    // It stays in the map until it is closed, so that the gateway does not end before it.
    void entry?.source.close().then(() => {
      if (this.#sources.get(name) === entry) this.#sources.delete(name)
    })
  }

  /** Ends all of them. */
  async close(): Promise<void> {
    await Promise.all([...this.#sources.values()].map(({ source }) => source.close()))
  }

  #start(name: string, grant: Grant): void {
    const { directory, access, limits, capacity, ffmpegs, playUrl, drop } = this.#options
    const { broadcast, leave } = claimCounted(directory, limits, capacity, { name, source: 'rtmp', address: null })
    const log = this.#options.log.child(broadcast.logFields)
    const source = startRtmpSource(broadcast, playUrl(name), {
      ffmpegs,
      admitTranscode: () => capacity.admitTranscode(),
      onRefused: () => void drop(name).then(() => this.onUnpublish(name)),
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
    this.#sources.set(name, { source, release })
  }
}
