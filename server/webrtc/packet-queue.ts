import { type RtpPacket, Unwrapper } from './rtp.ts'

/** How long a packet that is missing is waited for, in ms: two answers to a NACK over a long way. */
const HOLD_MS = 250
/** How long after it was missed it is asked for, since packets overtake each other, and how long until it is asked for again. */
const FIRST_NACK_MS = 5
const NEXT_NACK_MS = 50
const MAX_NACKS = 4
/** Most packets that wait: what is more gives up on what is missing. */
const MAX_WAITING = 2048
/** A jump of so many numbers is a new beginning, and nothing is asked for. */
const MAX_GAP = 1024

/** What comes out: packets in order, and whether some before it are lost for good. */
export interface Ordered {
  packet: RtpPacket
  /** How many are missing before it. */
  lostBefore: number
}

/** How a source was received. */
export interface ReceptionCounters {
  /** Packets that came in time, also when they were sent again. */
  received: number
  /** Packets that were asked for. */
  asked: number
  /** Of these, those that came. */
  recovered: number
  /** Packets that never came, or too late. */
  lost: number
}

/** Puts the packets of one source in order, and knows which to ask for. Times are in ms of one clock. */
export class PacketQueue {
  readonly counters: ReceptionCounters = { received: 0, asked: 0, recovered: 0, lost: 0 }
  readonly #unwrapper = new Unwrapper(16)
  readonly #waiting = new Map<number, RtpPacket>()
  readonly #missing = new Map<number, { since: number; askedAt: number; asked: number }>()
  /** The number that comes next; null before the first. */
  #next: number | null = null
  #highest = 0
  #first = 0

  /** Highest number so far, with how often they wrapped, as reports tell it (RFC 3550, appendix A.1). */
  get highest(): number {
    return this.#highest - 65536
  }

  /** How many should have come. */
  get expected(): number {
    return this.#next === null ? 0 : this.#highest - this.#first + 1
  }

  /** Takes a packet; gives those that are in order now. */
  push(packet: RtpPacket, now: number): Ordered[] {
    const number = this.#unwrapper.next(packet.sequence)
    if (this.#next === null) this.#begin(number)
    if (number < (this.#next ?? 0) || this.#waiting.has(number)) return []
    this.counters.received++
    const missing = this.#missing.get(number)
    if (missing) {
      this.#missing.delete(number)
      if (missing.asked > 0) this.counters.recovered++
    } else if (number > this.#highest + MAX_GAP) this.#abandon(number)
    else
      for (let lost = this.#highest + 1; lost < number; lost++)
        this.#missing.set(lost, { since: now, askedAt: 0, asked: 0 })
    this.#highest = Math.max(this.#highest, number)
    this.#waiting.set(number, packet)
    return this.#take(now)
  }

  /** Gives what is waited for no more, and what is to be asked for, as sequence numbers. */
  tick(now: number): { ordered: Ordered[]; asks: number[] } {
    const ordered = this.#take(now)
    const asks: number[] = []
    for (const [number, missing] of this.#missing) {
      const isDue = missing.asked === 0 ? now - missing.since >= FIRST_NACK_MS : now - missing.askedAt >= NEXT_NACK_MS
      if (!isDue || missing.asked >= MAX_NACKS) continue
      if (missing.asked === 0) this.counters.asked++
      missing.asked++
      missing.askedAt = now
      asks.push(number & 0xffff)
    }
    return { ordered, asks }
  }

  #begin(number: number): void {
    this.#next = number
    this.#highest = number - 1
    this.#first = number
  }

  /** The sender has begun anew at `number`: nothing of what is missing before it is waited for. */
  #abandon(number: number): void {
    this.#missing.clear()
    this.#first += number - this.#highest - 1
  }

  #take(now: number): Ordered[] {
    const ordered: Ordered[] = []
    let lostBefore = 0
    if (this.#next === null) return ordered
    while (this.#waiting.size > 0) {
      const packet = this.#waiting.get(this.#next)
      if (packet) {
        this.#waiting.delete(this.#next)
        ordered.push({ packet, lostBefore })
        lostBefore = 0
        this.#next++
        continue
      }
      const missing = this.#missing.get(this.#next)
      if (missing && now - missing.since < HOLD_MS && this.#waiting.size < MAX_WAITING) break
      this.#missing.delete(this.#next)
      if (missing) this.counters.lost++
      lostBefore++
      this.#next = missing ? this.#next + 1 : Math.min(...this.#waiting.keys())
    }
    return ordered
  }
}
