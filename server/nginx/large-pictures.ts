import type { Logger } from 'pino'
import type { Broadcast } from '../broadcast/broadcast.ts'
import type { BusListener } from '../broadcast/listener.ts'
import type { BusTag } from '../flv/gop-cache.ts'

/** Largest picture of which nginx-rtmp makes HLS: it has a buffer of one size for each (ngx_rtmp_hls_module.c, `NGX_RTMP_HLS_BUFSIZE`). */
const MAX_PICTURE_BYTES = 1024 * 1024

/** Looks for pictures that nginx leaves out of its HLS, and says so. */
export class LargePictures implements BusListener {
  readonly #broadcast: Broadcast
  readonly #log: Logger
  #hasSaid = false

  constructor(broadcast: Broadcast, log: Logger) {
    this.#broadcast = broadcast
    this.#log = log
  }

  push({ kind, bytes }: BusTag): void {
    if (this.#hasSaid || bytes.length <= MAX_PICTURE_BYTES || (kind !== 'keyframe' && kind !== 'interframe')) return
    this.#hasSaid = true
    const megabytes = (bytes.length / 1e6).toFixed(1)
    const words = `A picture has ${megabytes} MB, and nginx makes HLS of pictures of up to 1 MB. Lower the bitrate, or share the link to low-latency HLS.`
    this.#broadcast.advise('large pictures', words)
    this.#log.warn({ ...this.#broadcast.logFields, bytes: bytes.length }, 'a picture is too large for the HLS of nginx')
  }

  end(): void {}
}
