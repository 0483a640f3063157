import type { IceAgent, IceCredentials } from './ice-agent.ts'
import type { IcePort } from './ice-port.ts'
import type { Offer } from './sdp.ts'
import { type Identity, type RtpHead, SecureTransport } from './secure.ts'
import type { Endpoint } from './stun.ts'

/** How long a client may take until its keys are there, in ms. */
const OPEN_TIMEOUT_MS = 15_000
/** How long a client may be silent, in ms (RFC 7675, section 5.1). */
const CONSENT_MS = 30_000

/** How a session ends. */
export type PeerEnd =
  /** The client has closed it. */
  | { kind: 'closed' }
  /** It never came, or has gone without a word. */
  | { kind: 'silent' }
  /** It could not be opened, or is not worth to be kept, in words. */
  | { kind: 'failed'; reason: string }

/** What a connection tells. */
export interface ConnectionEvents {
  /** Media may come and go. */
  onOpen(): void
  /** An authentic packet of RTP. */
  onRtp(packet: Buffer): void
  /** An authentic packet of RTCP. */
  onRtcp(packet: Buffer): void
  /** It is over; called once, and not where `close` was called. */
  onEnd(end: PeerEnd): void
}

/** The way to one client, and the encryption of what goes on it. */
export class PeerConnection {
  /** What we are in the DTLS handshake, as the answer says it. */
  readonly setup: 'active' | 'passive'
  /** Packets that were not authentic, or were there before. */
  refused = 0
  readonly #events: ConnectionEvents
  readonly #agent: IceAgent
  readonly #secure: SecureTransport
  readonly #began = performance.now()
  #isBegun = false
  #isOver = false

  constructor(port: IcePort, offer: Offer, identity: Identity, events: ConnectionEvents) {
    this.#events = events
    const isClient = offer.setup === 'passive'
    this.setup = isClient ? 'active' : 'passive'
    this.#agent = port.agent({ onPacket: (bytes) => this.#take(bytes), onPath: () => this.#begin() })
    this.#secure = new SecureTransport({
      ...{ identity, fingerprints: offer.fingerprints, isClient },
      send: (bytes) => this.#agent.send(bytes),
      onOpen: () => events.onOpen(),
      onFailed: (reason) => this.end({ kind: 'failed', reason }),
      onClosed: () => this.end({ kind: 'closed' }),
    })
  }

  /** What the client needs to come. */
  get credentials(): IceCredentials {
    return this.#agent.credentials
  }

  /** Where the client is, or null while that is not known. */
  get client(): Endpoint | null {
    return this.#agent.client
  }

  get isOpen(): boolean {
    return this.#secure.isOpen && !this.#isOver
  }

  /** Since when it exists, in ms of the monotonic clock. */
  get began(): number {
    return this.#began
  }

  /** Lets the client come from elsewhere: gives what it needs for that. */
  restart(): IceCredentials {
    return this.#agent.restart()
  }

  sendRtp(head: RtpHead, payload: Buffer): void {
    if (!this.#isOver) this.#secure.sendRtp(head, payload)
  }

  sendRtcp(packet: Buffer): void {
    if (!this.#isOver) this.#secure.sendRtcp(packet)
  }

  /** Ends it where the client did not come, or has gone. To be called now and then. */
  look(now: number): void {
    if (!this.isOpen && now - this.#began > OPEN_TIMEOUT_MS) {
      const reason =
        'The client did not reach this server over WebRTC: its network, or that of the server, holds it back.'
      this.end({ kind: 'failed', reason })
    } else if (now - this.#agent.heardAt > CONSENT_MS) this.end({ kind: 'silent' })
  }

  /** Closes it, and says how it ended. */
  end(end: PeerEnd): void {
    if (this.#isOver) return
    this.close()
    this.#events.onEnd(end)
  }

  /** Tells the client that it is over. Idempotent. */
  close(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#secure.close()
    this.#agent.close()
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
    const isRtcp = (second & 127) >= 64 && (second & 127) < 96
    const packet = isRtcp ? this.#secure.openRtcp(bytes) : this.#secure.openRtp(bytes)
    if (packet === null) this.refused++
    else if (isRtcp) this.#events.onRtcp(packet)
    else this.#events.onRtp(packet)
  }
}
