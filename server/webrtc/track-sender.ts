import { randomBytes } from 'node:crypto'
import { senderReport, sourceDescription } from './rtcp.ts'
import type { RtpHead } from './secure.ts'

/** Packets that are kept to be sent again: a second of a picture. */
const KEPT = 512
/** How often a packet is sent again at most, in ms. */
const AGAIN_MS = 20
const NAME = 'castgate'

interface Sent {
  head: RtpHead
  payload: Buffer
  againAt: number
}

/** Sends one picture or one sound to one viewer: counts packets, and sends again what is missing. */
export class TrackSender {
  readonly ssrc = randomBytes(4).readUInt32BE(0)
  readonly #payloadType: number
  readonly #clockRate: number
  readonly #send: (head: RtpHead, payload: Buffer) => void
  readonly #kept = new Map<number, Sent>()
  #index = randomBytes(2).readUInt16BE(0) & 0x7fff
  #packets = 0
  #octets = 0

  constructor(payloadType: number, clockRate: number, send: (head: RtpHead, payload: Buffer) => void) {
    this.#payloadType = payloadType
    this.#clockRate = clockRate
    this.#send = send
  }

  /** Sends the payloads of what is shown at `time`, in ms of the bus. */
  send(payloads: readonly Buffer[], time: number): void {
    const timestamp = this.#timestampOf(time)
    for (const [number, payload] of payloads.entries()) {
      const marker = number === payloads.length - 1
      const head = { payloadType: this.#payloadType, marker, index: this.#index++, timestamp, ssrc: this.ssrc }
      this.#packets++
      this.#octets += payload.length
      this.#kept.set(head.index % 65536, { head, payload, againAt: Number.NEGATIVE_INFINITY })
      if (this.#kept.size > KEPT) {
        const [oldest = 0] = this.#kept.keys()
        this.#kept.delete(oldest)
      }
      this.#send(head, payload)
    }
  }

  /** Sends again what a viewer lacks, where it is still there; how many packets that were. */
  resend(sequences: readonly number[], now: number): number {
    let count = 0
    for (const sequence of sequences) {
      const sent = this.#kept.get(sequence)
      if (!sent || now - sent.againAt < AGAIN_MS) continue
      sent.againAt = now
      this.#send(sent.head, sent.payload)
      count++
    }
    return count
  }

  /** What is said of the clock: `epoch` is when time 0 of the bus was, in ms since 1970. */
  report(epoch: number, now = Date.now()): Buffer {
    const rtpTime = this.#timestampOf(now - epoch)
    const report = senderReport(this.ssrc, { sentAt: now, rtpTime, packets: this.#packets, octets: this.#octets })
    return Buffer.concat([report, sourceDescription(this.ssrc, NAME)])
  }

  #timestampOf(time: number): number {
    return ((Math.round((time * this.#clockRate) / 1000) % 2 ** 32) + 2 ** 32) % 2 ** 32
  }
}
