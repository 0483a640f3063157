import { type CodecName, type Depacketizer, depacketizerFor, type Frame } from './depacketizer.ts'
import { MediaClock } from './media-clock.ts'
import { type Ordered, PacketQueue, type ReceptionCounters } from './packet-queue.ts'
import type { ReportBlock, SenderReport } from './rtcp.ts'
import type { RtpPacket } from './rtp.ts'
import type { AnsweredMedia } from './sdp.ts'

/** How often a keyframe is asked for by itself, in ms, and how often at most where one is needed. */
const KEYFRAME_EVERY_MS = 2_000
const KEYFRAME_AGAIN_MS = 400

/** A frame that is whole, and follows on the one before. */
export type ReceivedFrame = Extract<Frame, { kind: 'frame' }> & {
  /** When it was captured, in ms of the monotonic clock. */
  time: number
}

/** How a source was received. */
export interface TrackCounters extends ReceptionCounters {
  /** Pictures that were left out, since they were not whole or built on one that was not. */
  framesLeftOut: number
}

/** Receives one picture or one sound: packets become frames, and a picture that is not whole never comes out, nor one that builds on it. */
export class TrackReceiver {
  readonly media: AnsweredMedia
  readonly clock: MediaClock
  readonly #onFrame: (frame: ReceivedFrame) => void
  readonly #depacketizer: Depacketizer
  #queue = new PacketQueue()
  #before: ReceptionCounters = { received: 0, asked: 0, recovered: 0, lost: 0 }
  #framesLeftOut = 0
  #ssrc: number | null = null
  #timestamp: number | null = null
  /** The frame that is being put together lacks something. */
  #isTorn = false
  #needsKeyframe: boolean
  #hasBegun = false
  #keyframeAskedAt = Number.NEGATIVE_INFINITY
  #jitter = 0
  #transit: number | null = null
  #lastReport: { stamp: number; at: number } | null = null
  #reported = { expected: 0, received: 0 }

  constructor(media: AnsweredMedia, onFrame: (frame: ReceivedFrame) => void) {
    this.media = media
    this.clock = new MediaClock(media.codec.clockRate)
    this.#onFrame = onFrame
    this.#depacketizer = depacketizerFor(media.codec.name as CodecName)
    this.#needsKeyframe = media.kind === 'video'
  }

  get counters(): TrackCounters {
    const { received, asked, recovered, lost } = this.#queue.counters
    const before = this.#before
    return {
      received: before.received + received,
      asked: before.asked + asked,
      recovered: before.recovered + recovered,
      lost: before.lost + lost,
      framesLeftOut: this.#framesLeftOut,
    }
  }

  /** Whom its packets come from; null before the first. */
  get ssrc(): number | null {
    return this.#ssrc
  }

  /** Takes a packet, or one that was sent again in the form of RFC 4588, at `now`. */
  take(packet: RtpPacket, now: number): void {
    const { codec } = this.media
    if (packet.payloadType === codec.payloadType) {
      if (packet.ssrc !== this.#ssrc) this.#beginAnew(packet.ssrc)
      this.#noteJitter(packet, now)
      return this.#handle(this.#queue.push(packet, now), now)
    }
    // It has the number of the original before its payload; what is empty only fills the line.
    if (this.#ssrc === null || packet.payload.length <= 2) return
    const original = {
      ...packet,
      payloadType: codec.payloadType,
      ssrc: this.#ssrc,
      sequence: packet.payload.readUInt16BE(0),
      payload: packet.payload.subarray(2),
    }
    this.#handle(this.#queue.push(original, now), now)
  }

  /** Gives up on what is waited for no more; gives what is to be asked for. */
  tick(now: number): { asks: number[]; needsKeyframe: boolean } {
    const { ordered, asks } = this.#queue.tick(now)
    this.#handle(ordered, now)
    return { asks, needsKeyframe: this.#isKeyframeDue(now) }
  }

  /** The sender told of its clock. */
  report({ rtpTime, sentAt, stamp }: SenderReport, now: number): void {
    this.clock.report(rtpTime, sentAt)
    this.#lastReport = { stamp, at: now }
  }

  /** What is reported of it (RFC 3550, appendix A.3); null before its first packet. */
  reportBlock(now: number): ReportBlock | null {
    if (this.#ssrc === null) return null
    const { expected, highest, counters } = this.#queue
    const { received } = counters
    const since = { expected: expected - this.#reported.expected, received: received - this.#reported.received }
    this.#reported = { expected, received }
    const lost = Math.max(0, since.expected - since.received)
    return {
      ssrc: this.#ssrc,
      fractionLost: since.expected > 0 ? Math.floor((lost * 256) / since.expected) : 0,
      lost: expected - received,
      highest,
      jitter: this.#jitter,
      lastReport: this.#lastReport && {
        stamp: this.#lastReport.stamp,
        ageSeconds: (now - this.#lastReport.at) / 1000,
      },
    }
  }

  /** What is sent from now on has nothing to do with what was before. */
  #beginAnew(ssrc: number): void {
    this.#before = this.counters
    this.#queue = new PacketQueue()
    this.#ssrc = ssrc
    this.#transit = null
    this.#reported = { expected: 0, received: 0 }
    this.#tear()
  }

  #handle(ordered: readonly Ordered[], now: number): void {
    for (const { packet, lostBefore } of ordered) {
      const isOther = this.#timestamp !== null && packet.timestamp !== this.#timestamp
      if (lostBefore > 0) this.#tear()
      if (isOther) this.#finish(now)
      if (packet.payload.length > 0) {
        if (this.#timestamp === null && lostBefore > 0) this.#isTorn = !this.#depacketizer.begins(packet.payload)
        this.#timestamp = packet.timestamp
        this.#depacketizer.push(packet.payload)
      }
      if (packet.marker || this.media.kind === 'audio') this.#finish(now)
    }
  }

  /** Something is missing: the picture that is put together is not whole, and those that follow build on what is missing. */
  #tear(): void {
    if (this.#timestamp !== null) this.#isTorn = true
    if (this.media.kind === 'video') this.#needsKeyframe = true
  }

  #finish(now: number): void {
    const timestamp = this.#timestamp
    const isTorn = this.#isTorn
    this.#timestamp = null
    this.#isTorn = false
    const frame = this.#depacketizer.finish()
    if (frame === null || timestamp === null) return
    const isVideo = this.media.kind === 'video'
    const isWhole = frame.kind === 'frame' && !isTorn
    if (isWhole && (!this.#needsKeyframe || frame.isKeyframe)) {
      this.#needsKeyframe = false
      this.#hasBegun = true
      this.#onFrame({ ...frame, time: this.clock.timeOf(timestamp, now) })
      return
    }
    if (!isVideo) return
    this.#needsKeyframe = true
    // What comes before the first keyframe was never to be seen.
    if (this.#hasBegun) this.#framesLeftOut++
  }

  #isKeyframeDue(now: number): boolean {
    if (this.media.kind !== 'video' || this.#ssrc === null) return false
    const wait = this.#needsKeyframe ? KEYFRAME_AGAIN_MS : KEYFRAME_EVERY_MS
    if (now - this.#keyframeAskedAt < wait) return false
    this.#keyframeAskedAt = now
    return true
  }

  /** RFC 3550, appendix A.8. */
  #noteJitter({ timestamp }: RtpPacket, now: number): void {
    const transit = (now * this.media.codec.clockRate) / 1000 - timestamp
    const difference = Math.abs(transit - (this.#transit ?? transit))
    this.#transit = transit
    // Where timestamps wrap around, it says nothing.
    if (difference < this.media.codec.clockRate) this.#jitter += (difference - this.#jitter) / 16
  }
}
