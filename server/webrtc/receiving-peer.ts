import { randomBytes } from 'node:crypto'
import { PeerConnection, type PeerEnd } from './connection.ts'
import type { IcePort } from './ice-port.ts'
import { type ReceivedFrame, type TrackCounters, TrackReceiver } from './receiver.ts'
import { nack, parseRtcp, pictureLoss, receiverReport } from './rtcp.ts'
import { extensionOf, parseRtp } from './rtp.ts'
import { type AnsweredMedia, type Offer, writeAnswer, writeFragment } from './sdp.ts'
import type { Identity } from './secure.ts'
import type { Endpoint } from './stun.ts'
import { TransportFeedback } from './twcc.ts'

/** How often is looked at what is missing, in ms, and how often is reported what came. */
const TICK_MS = 20
const FEEDBACK_EVERY_TICKS = 3
const REPORT_EVERY_TICKS = 50
/** How long it may take to its first packet of media, in ms. */
const FIRST_MEDIA_MS = 30_000
/** How long no media may come before its publisher counts as gone, in ms: it may be back when its network is. */
const ABSENT_MS = 5_000

/** What a session tells. */
export interface PeerEvents {
  /** Media may come. */
  onOpen(): void
  onFrame(kind: 'video' | 'audio', frame: ReceivedFrame): void
  /** So many pictures were left out in the last second: their network loses packets. */
  onLeftOut(pictures: number): void
  /** Media has not come for a while, or comes again. */
  onPresence(isPresent: boolean): void
  /** It is over; called once, and not where `close` was called. */
  onEnd(end: PeerEnd): void
}

/** A session that receives a picture and a sound of one client. */
export class ReceivingPeer {
  readonly answer: string
  readonly #candidates: readonly Endpoint[]
  readonly #media: readonly AnsweredMedia[]
  readonly #events: PeerEvents
  readonly #connection: PeerConnection
  readonly #receivers: TrackReceiver[]
  readonly #ssrc = randomBytes(4).readUInt32BE(0)
  readonly #feedback = new TransportFeedback(this.#ssrc)
  readonly #timer: NodeJS.Timeout
  #mediaAt: number | null = null
  #ticks = 0
  #isPresent = true
  #leftOut = 0

  /** `candidates`: where the client is told to come. */
  constructor(
    port: IcePort,
    { offer, media, candidates }: { offer: Offer; media: readonly AnsweredMedia[]; candidates: readonly Endpoint[] },
    identity: Identity,
    events: PeerEvents,
  ) {
    this.#candidates = candidates
    this.#media = media
    this.#events = events
    this.#connection = new PeerConnection(port, offer, identity, {
      onOpen: () => events.onOpen(),
      onRtp: (packet) => this.#takeRtp(packet),
      onRtcp: (packet) => this.#takeRtcp(packet),
      onEnd: (end) => {
        clearInterval(this.#timer)
        events.onEnd(end)
      },
    })
    this.#receivers = media.map((each) => new TrackReceiver(each, (frame) => events.onFrame(each.kind, frame)))
    this.answer = writeAnswer({
      ice: this.#connection.credentials,
      fingerprint: identity.fingerprint,
      setup: this.#connection.setup,
      direction: 'recvonly',
      media,
      candidates,
    })
    this.#timer = setInterval(() => this.#tick(), TICK_MS)
  }

  /** Where its client is, or null while that is not known. */
  get client(): Endpoint | null {
    return this.#connection.client
  }

  /** Packets that were not authentic, or were there before. */
  get refused(): number {
    return this.#connection.refused
  }

  /** When media came last, in ms of the monotonic clock; null before the first. */
  get mediaAt(): number | null {
    return this.#mediaAt
  }

  get counters(): Map<'video' | 'audio', TrackCounters> {
    return new Map(this.#receivers.map(({ media, counters }) => [media.kind, counters]))
  }

  /** Lets the client come from elsewhere: gives what it needs for that (RFC 9725, section 4.3.3). */
  restart(): string {
    return writeFragment(this.#connection.restart(), this.#media[0]?.mid ?? '0', this.#candidates)
  }

  /** Asks for a keyframe. */
  requestKeyframe(): void {
    for (const { media, ssrc } of this.#receivers) {
      if (media.kind === 'video' && ssrc !== null) this.#connection.sendRtcp(pictureLoss(this.#ssrc, ssrc))
    }
  }

  /** Tells the client that it is over. Idempotent. */
  close(): void {
    clearInterval(this.#timer)
    this.#connection.close()
  }

  #takeRtp(bytes: Buffer): void {
    const packet = parseRtp(bytes)
    const now = performance.now()
    const receiver = this.#receivers.find(({ media: { codec } }) =>
      [codec.payloadType, codec.retransmission].includes(packet?.payloadType ?? null),
    )
    if (packet === null || !receiver) {
      this.#connection.refused++
      return
    }
    const id = receiver.media.transportSequenceId
    const number = id === null ? null : extensionOf(packet, id)
    if (number?.length === 2) this.#feedback.note(number.readUInt16BE(0), now)
    this.#mediaAt = now
    this.#setPresent(true)
    receiver.take(packet, now)
  }

  #takeRtcp(bytes: Buffer): void {
    const now = performance.now()
    for (const report of parseRtcp(bytes)) {
      if (report.kind !== 'sender-report') continue
      this.#receivers.find(({ ssrc }) => ssrc === report.ssrc)?.report(report, now)
      const [audio, video] = ['audio', 'video'].map((kind) => this.#receivers.find(({ media }) => media.kind === kind))
      if (audio && video) video.clock.follow(audio.clock)
    }
  }

  #tick(): void {
    const now = performance.now()
    this.#connection.look(now)
    if (this.#mediaAt === null && now - this.#connection.began > FIRST_MEDIA_MS) {
      return this.#connection.end({ kind: 'failed', reason: 'No media came.' })
    }
    if (this.#mediaAt !== null && now - this.#mediaAt > ABSENT_MS) this.#setPresent(false)
    if (!this.#connection.isOpen) return
    this.#ticks++
    for (const receiver of this.#receivers) {
      const { asks, needsKeyframe } = receiver.tick(now)
      const { ssrc } = receiver
      if (ssrc === null) continue
      if (asks.length > 0) this.#connection.sendRtcp(nack(this.#ssrc, ssrc, asks))
      if (needsKeyframe) this.#connection.sendRtcp(pictureLoss(this.#ssrc, ssrc))
    }
    if (this.#ticks % FEEDBACK_EVERY_TICKS === 0) this.#sendFeedback()
    if (this.#ticks % REPORT_EVERY_TICKS !== 0) return
    this.#sendReport(now)
    this.#tellLeftOut()
  }

  #tellLeftOut(): void {
    const leftOut = this.#receivers.reduce((sum, { counters }) => sum + counters.framesLeftOut, 0)
    if (leftOut > this.#leftOut) this.#events.onLeftOut(leftOut - this.#leftOut)
    this.#leftOut = leftOut
  }

  #setPresent(isPresent: boolean): void {
    if (isPresent === this.#isPresent) return
    this.#isPresent = isPresent
    this.#events.onPresence(isPresent)
  }

  /** Chromium takes it alone in a packet. */
  #sendFeedback(): void {
    const report = this.#feedback.report(this.#receivers.find(({ ssrc }) => ssrc !== null)?.ssrc ?? 0)
    if (report) this.#connection.sendRtcp(report)
  }

  #sendReport(now: number): void {
    const blocks = this.#receivers.flatMap((receiver) => receiver.reportBlock(now) ?? [])
    if (blocks.length > 0) this.#connection.sendRtcp(receiverReport(this.#ssrc, blocks))
  }
}
