import type { Logger } from 'pino'
import { GatewayError } from '../../../shared/errors.ts'
import type { Broadcast } from '../../broadcast/broadcast.ts'
import type { BusListener } from '../../broadcast/listener.ts'
import type { Ffmpegs } from '../../ffmpeg/ffmpegs.ts'
import { AVC_PACKET_HEADER_BYTES, isWholeHeader } from '../../flv/avc.ts'
import { type BusTag, bodyOf } from '../../flv/gop-cache.ts'
import { isPictureKind } from '../../flv/tag.ts'
import { type ParameterSets, parameterSetsOf, payloadsOf } from '../../webrtc/h264-packets.ts'
import type { SendingPeer } from '../../webrtc/sending-peer.ts'
import { OpusSound } from './opus-sound.ts'

/** Why pictures that are shown in another order than they are decoded are not sent. */
const REORDERED =
  'This stream has B-frames, which browsers do not play over WebRTC. Switch them off at the encoder, or watch it otherwise.'

/** Sends one broadcast to its viewers over WebRTC: what comes is cut into packets once, for all of them. */
export class WhepFeed implements BusListener {
  readonly #broadcast: Broadcast
  readonly #viewers = new Set<SendingPeer>()
  readonly #sound: OpusSound
  readonly #onEnd: (reason: string | null) => void
  #sets: ParameterSets | null = null
  /** When time 0 of the bus was, in ms since 1970, as the first tag has it. */
  #epoch: number | null = null
  #isReordered = false

  /** `onEnd` is called when all viewers are to go: `reason` is null where the broadcast is over. */
  constructor(broadcast: Broadcast, ffmpegs: Ffmpegs, log: Logger, onEnd: (reason: string | null) => void) {
    this.#broadcast = broadcast
    this.#onEnd = onEnd
    this.#sound = new OpusSound({
      ...{ ffmpegs, stream: broadcast.name, log },
      onFrame: (payload, time) => {
        for (const viewer of this.#viewers) viewer.send('audio', [payload], time)
      },
    })
  }

  /** When time 0 of the bus was, in ms since 1970. */
  epoch(): number {
    return this.#epoch ?? Date.now()
  }

  /** @throws GatewayError `unsupported_media` where its pictures cannot be sent */
  requirePlayable(): void {
    if (this.#isReordered) throw new GatewayError('unsupported_media', REORDERED)
  }

  /** Sends a viewer that is connected what it begins with, and then what comes. */
  join(viewer: SendingPeer): void {
    for (const tag of this.#broadcast.joining()) {
      if (isPictureKind(tag.kind)) this.#sendPicture(tag, [viewer])
    }
    this.#viewers.add(viewer)
  }

  leave(viewer: SendingPeer): void {
    this.#viewers.delete(viewer)
  }

  push(tag: BusTag): void {
    this.#epoch ??= Date.now() - tag.timestamp
    if (tag.kind === 'video-header') return this.#readHeader(tag)
    if (tag.kind === 'audio' || tag.kind === 'audio-header') return this.#sound.push(tag)
    if (!isPictureKind(tag.kind)) return
    // 24 bits with a sign (annex E.4.3).
    if (bodyOf(tag).readIntBE(2, 3) !== 0 && !this.#isReordered) {
      this.#isReordered = true
      this.#onEnd(REORDERED)
    }
    this.#sendPicture(tag, this.#viewers)
  }

  end(): void {
    this.#onEnd(null)
  }

  close(): void {
    this.#sound.close()
  }

  #readHeader(tag: BusTag): void {
    const body = bodyOf(tag)
    if (!isWholeHeader({ type: 9, timestamp: tag.timestamp, body })) return
    this.#sets = parameterSetsOf(body.subarray(AVC_PACKET_HEADER_BYTES))
    this.#isReordered = false
  }

  #sendPicture(tag: BusTag, viewers: Iterable<SendingPeer>): void {
    if (this.#sets === null || this.#isReordered) return
    const all = [...viewers]
    if (all.length === 0) return
    const payloads = payloadsOf(bodyOf(tag).subarray(AVC_PACKET_HEADER_BYTES), this.#sets)
    for (const viewer of all) viewer.send('video', payloads, tag.timestamp)
  }
}
