import { randomBytes } from 'node:crypto'
import type { IceAgent, IceCredentials } from './ice-agent.ts'
import type { IcePort } from './ice-port.ts'
import { type ReceivedFrame, type TrackCounters, TrackReceiver } from './receiver.ts'
import { nack, parseRtcp, pictureLoss, receiverReport } from './rtcp.ts'
import { extensionOf, parseRtp, type RtpPacket } from './rtp.ts'
import { type AnsweredMedia, type Offer, writeAnswer, writeFragment } from './sdp.ts'
import { type Identity, SecureTransport } from './secure.ts'
import type { Endpoint } from './stun.ts'
import { TransportFeedback } from './twcc.ts'

/** How often is looked at what is missing, in ms, and how often is reported what came. */
const TICK_MS = 20
const FEEDBACK_EVERY_TICKS = 3
const REPORT_EVERY_TICKS = 50
/** How long a client may take until its keys are there, in ms. */
const OPEN_TIMEOUT_MS = 15_000
/** How long it may take to its first packet of media, in ms. */
const FIRST_MEDIA_MS = 30_000
/** How long no media may come before its publisher counts as gone, in ms: it may be back when its network is. */
const ABSENT_MS = 5_000
/** How long a client may be silent, in ms (RFC 7675, section 5.1). */
const CONSENT_MS = 30_000

/** How a session ends. */
export type PeerEnd =
  /** The client has closed it. */
  | { kind: 'closed' }
  /** It never came, or has gone without a word. */
  | { kind: 'silent' }
  /** It could not be opened, in words. */
  | { kind: 'failed'; reason: string }

/** What a session tells. */
export interface PeerEvents {
  /** Media may come. */
  onOpen(): void
  onFrame(kind: 'video' | 'audio', frame: ReceivedFrame): void
  /** Media has not come for a while, or comes again. */
  onPresence(isPresent: boolean): void
  /** It is over; called once, and not where `close` was called. */
  onEnd(end: PeerEnd): void
}

/** A session that receives a picture and a sound of one client. */
export class ReceivingPeer {
  readonly answer: string
  /** Packets that were not authentic, or were there before. */
  refused = 0
  readonly #port: IcePort
  readonly #candidates: readonly Endpoint[]
  readonly #media: readonly AnsweredMedia[]
  readonly #events: PeerEvents
  readonly #agent: IceAgent
  readonly #secure: SecureTransport
  readonly #receivers: TrackReceiver[]
  readonly #ssrc = randomBytes(4).readUInt32BE(0)
  readonly #feedback = new TransportFeedback(this.#ssrc)
  readonly #timer: NodeJS.Timeout
  readonly #began = performance.now()
  #mediaAt: number | null = null
  #ticks = 0
  #isPresent = true
  #isBegun = false
  #isOver = false

  /** `candidates`: where the client is told to come. */
  constructor(
    port: IcePort,
    { offer, media, candidates }: { offer: Offer; media: readonly AnsweredMedia[]; candidates: readonly Endpoint[] },
    identity: Identity,
    events: PeerEvents,
  ) {
    this.#port = port
    this.#candidates = candidates
    this.#media = media
    this.#events = events
    const isClient = offer.setup === 'passive'
    this.#agent = this.#port.agent({
      onPacket: (bytes) => this.#take(bytes),
      onPath: () => this.#begin(),
    })
    this.#secure = new SecureTransport({
      ...{ identity, fingerprints: offer.fingerprints, isClient },
      send: (bytes) => this.#agent.send(bytes),
      onOpen: () => events.onOpen(),
      onFailed: (reason) => this.#end({ kind: 'failed', reason }),
      onClosed: () => this.#end({ kind: 'closed' }),
    })
    this.#receivers = media.map((each) => new TrackReceiver(each, (frame) => events.onFrame(each.kind, frame)))
    this.answer = writeAnswer({
      ice: this.#agent.credentials,
      fingerprint: identity.fingerprint,
      setup: isClient ? 'active' : 'passive',
      media,
      candidates,
    })
    this.#timer = setInterval(() => this.#tick(), TICK_MS)
  }

  /** Where its client is, or null while that is not known. */
  get client(): Endpoint | null {
    return this.#agent.client
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
    const credentials: IceCredentials = this.#agent.restart()
    return writeFragment(credentials, this.#media[0]?.mid ?? '0', this.#candidates)
  }

  /** Asks for a keyframe. */
  requestKeyframe(): void {
    for (const { media, ssrc } of this.#receivers) {
      if (media.kind === 'video' && ssrc !== null) this.#secure.sendRtcp(pictureLoss(this.#ssrc, ssrc))
    }
  }

  /** Tells the client that it is over. Idempotent. */
  close(): void {
    if (this.#isOver) return
    this.#isOver = true
    clearInterval(this.#timer)
    this.#secure.close()
    this.#agent.close()
  }

  #end(end: PeerEnd): void {
    if (this.#isOver) return
    this.close()
    this.#events.onEnd(end)
  }

  #begin(): void {
    if (this.#isBegun) return
    this.#isBegun = true
    this.#secure.begin()
  }

  #take(bytes: Buffer): void {
    const [first = 0, second = 0] = bytes
    if (first < 64) return this.#secure.takeDtls(bytes)
    if (!this.#secure.isOpen) return
    // What has these types is RTCP (RFC 5761, section 4).
    if ((second & 127) >= 64 && (second & 127) < 96) return this.#takeRtcp(bytes)
    const opened = this.#secure.openRtp(bytes)
    const packet = opened && parseRtp(opened)
    if (packet === null) this.refused++
    else this.#takeRtp(packet)
  }

  #takeRtp(packet: RtpPacket): void {
    const now = performance.now()
    const receiver = this.#receivers.find(({ media: { codec } }) =>
      [codec.payloadType, codec.retransmission].includes(packet.payloadType),
    )
    if (!receiver) {
      this.refused++
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
    const opened = this.#secure.openRtcp(bytes)
    if (opened === null) {
      this.refused++
      return
    }
    const now = performance.now()
    for (const report of parseRtcp(opened)) {
      this.#receivers.find(({ ssrc }) => ssrc === report.ssrc)?.report(report, now)
      const [audio, video] = ['audio', 'video'].map((kind) => this.#receivers.find(({ media }) => media.kind === kind))
      if (audio && video) video.clock.follow(audio.clock)
    }
  }

  #tick(): void {
    const now = performance.now()
    if (!this.#secure.isOpen && now - this.#began > OPEN_TIMEOUT_MS) {
      const reason =
        'The client did not reach this server over WebRTC: its network, or that of the server, holds it back.'
      return this.#end({ kind: 'failed', reason })
    }
    if (this.#mediaAt === null && now - this.#began > FIRST_MEDIA_MS) {
      return this.#end({ kind: 'failed', reason: 'No media came.' })
    }
    if (this.#mediaAt !== null && now - this.#mediaAt > ABSENT_MS) this.#setPresent(false)
    if (now - this.#agent.heardAt > CONSENT_MS) return this.#end({ kind: 'silent' })
    if (!this.#secure.isOpen) return
    this.#ticks++
    for (const receiver of this.#receivers) {
      const { asks, needsKeyframe } = receiver.tick(now)
      const { ssrc } = receiver
      if (ssrc === null) continue
      if (asks.length > 0) this.#secure.sendRtcp(nack(this.#ssrc, ssrc, asks))
      if (needsKeyframe) this.#secure.sendRtcp(pictureLoss(this.#ssrc, ssrc))
    }
    if (this.#ticks % FEEDBACK_EVERY_TICKS === 0) this.#sendFeedback()
    if (this.#ticks % REPORT_EVERY_TICKS === 0) this.#sendReport(now)
  }

  #setPresent(isPresent: boolean): void {
    if (isPresent === this.#isPresent) return
    this.#isPresent = isPresent
    this.#events.onPresence(isPresent)
  }

  /** Chromium takes it alone in a packet. */
  #sendFeedback(): void {
    const report = this.#feedback.report(this.#receivers.find(({ ssrc }) => ssrc !== null)?.ssrc ?? 0)
    if (report) this.#secure.sendRtcp(report)
  }

  #sendReport(now: number): void {
    const blocks = this.#receivers.flatMap((receiver) => receiver.reportBlock(now) ?? [])
    if (blocks.length > 0) this.#secure.sendRtcp(receiverReport(this.#ssrc, blocks))
  }
}
