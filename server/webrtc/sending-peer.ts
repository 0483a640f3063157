import { PeerConnection, type PeerEnd } from './connection.ts'
import type { IcePort } from './ice-port.ts'
import { parseRtcp } from './rtcp.ts'
import { type AnsweredMedia, type Offer, writeAnswer, writeFragment } from './sdp.ts'
import type { Identity } from './secure.ts'
import type { Endpoint } from './stun.ts'
import { TrackSender } from './track-sender.ts'

const TICK_MS = 1_000
/** A viewer that loses so much of what is sent, for so many reports, has no room for it. */
const TOO_LOSSY = 0.3
const LOSSY_REPORTS = 8

/** What a session tells. */
export interface SendingEvents {
  onOpen(): void
  /** It is over; called once, and not where `close` was called. */
  onEnd(end: PeerEnd): void
}

/** A session that sends a picture and a sound to one client. */
export class SendingPeer {
  readonly answer: string
  /** Bytes of media that were sent. */
  sentBytes = 0
  /** Packets that were sent again. */
  resent = 0
  readonly #candidates: readonly Endpoint[]
  readonly #media: readonly AnsweredMedia[]
  readonly #connection: PeerConnection
  readonly #senders = new Map<'video' | 'audio', TrackSender>()
  readonly #epoch: () => number
  readonly #timer: NodeJS.Timeout
  #lossy = 0

  /** `epoch`: when time 0 of what is sent was, in ms since 1970. */
  constructor(
    port: IcePort,
    { offer, media, candidates }: { offer: Offer; media: readonly AnsweredMedia[]; candidates: readonly Endpoint[] },
    identity: Identity,
    epoch: () => number,
    events: SendingEvents,
  ) {
    this.#candidates = candidates
    this.#media = media
    this.#epoch = epoch
    this.#connection = new PeerConnection(port, offer, identity, {
      onOpen: () => {
        this.#report()
        events.onOpen()
      },
      // Viewers send nothing but reports.
      onRtp: () => {},
      onRtcp: (packet) => this.#takeRtcp(packet),
      onEnd: (end) => {
        clearInterval(this.#timer)
        events.onEnd(end)
      },
    })
    for (const { kind, codec } of media) {
      const sender = new TrackSender(codec.payloadType, codec.clockRate, (head, payload) => {
        this.sentBytes += payload.length
        this.#connection.sendRtp(head, payload)
      })
      this.#senders.set(kind, sender)
    }
    this.answer = writeAnswer({
      ice: this.#connection.credentials,
      fingerprint: identity.fingerprint,
      setup: this.#connection.setup,
      direction: 'sendonly',
      media,
      sources: new Map([...this.#senders].map(([kind, { ssrc }]) => [kind, ssrc])),
      candidates,
    })
    this.#timer = setInterval(() => this.#tick(), TICK_MS)
  }

  get isOpen(): boolean {
    return this.#connection.isOpen
  }

  /** Where its client is, or null while that is not known. */
  get client(): Endpoint | null {
    return this.#connection.client
  }

  /** Sends the payloads of what is shown, or heard, at `time`, in ms of the bus. */
  send(kind: 'video' | 'audio', payloads: readonly Buffer[], time: number): void {
    if (this.#connection.isOpen) this.#senders.get(kind)?.send(payloads, time)
  }

  /** Lets the client come from elsewhere: gives what it needs for that. */
  restart(): string {
    return writeFragment(this.#connection.restart(), this.#media[0]?.mid ?? '0', this.#candidates)
  }

  /** Tells the client that it is over. Idempotent. */
  close(): void {
    clearInterval(this.#timer)
    this.#connection.close()
  }

  #takeRtcp(packet: Buffer): void {
    const now = performance.now()
    for (const report of parseRtcp(packet)) {
      const [kind, sender] = [...this.#senders].find(([, { ssrc }]) => ssrc === report.ssrc) ?? []
      if (!sender) continue
      if (report.kind === 'nack') this.resent += sender.resend(report.sequences, now)
      if (report.kind !== 'receiver-report' || kind !== 'video') continue
      this.#lossy = report.lost > TOO_LOSSY ? this.#lossy + 1 : 0
      if (this.#lossy >= LOSSY_REPORTS) {
        return this.#connection.end({ kind: 'failed', reason: 'The network of the viewer loses too much.' })
      }
    }
  }

  #tick(): void {
    this.#connection.look(performance.now())
    this.#report()
  }

  #report(): void {
    if (!this.#connection.isOpen) return
    for (const sender of this.#senders.values()) this.#connection.sendRtcp(sender.report(this.#epoch()))
  }
}
