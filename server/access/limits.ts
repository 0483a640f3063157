import ipaddr from 'ipaddr.js'
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible'
import { GatewayError } from '../../shared/errors.ts'

/** What is limited: at a time, and in a minute. */
export interface LimitSet {
  /** Connections to the port, at a time, whatever they are used for, or not yet. */
  connections: number
  /** Connections that last, at a time: WebSockets, HTTP-FLV, requests that wait for low-latency HLS. */
  sockets: number
  /** Broadcasts at a time. */
  broadcasts: number
  /** Publishers' sockets that said hello, in a minute. */
  hellos: number
  /** Calls of the API, in a minute. */
  calls: number
  /** Megabytes of recordings, in a minute. */
  megabytes: number
}

/** For each address, where the operator says nothing else: a school or an office may be behind one. Of IPv6, a network of 64 bits counts as one. */
export const LIMITS_PER_ADDRESS: LimitSet = {
  connections: 2_000,
  sockets: 1_000,
  broadcasts: 20,
  hellos: 120,
  calls: 6_000,
  megabytes: 2_000,
}

/** For all addresses together. */
export const LIMITS_IN_ALL: LimitSet = {
  connections: 50_000,
  sockets: 20_000,
  broadcasts: 500,
  hellos: 6_000,
  calls: 600_000,
  megabytes: 100_000,
}

type Held = 'connections' | 'sockets' | 'broadcasts'
type Rate = 'hellos' | 'calls' | 'megabytes'

const MINUTE_S = 60
const BYTES = 1e6
const ALL = 'all'

const WORDS: Record<keyof LimitSet, string> = {
  connections: 'Too many connections are open',
  sockets: 'Too many publishers and viewers are connected',
  broadcasts: 'Too many broadcasts are running',
  hellos: 'Too many broadcasts were begun in the last minute',
  calls: 'Too many requests were made in the last minute',
  megabytes: 'Too much was sent in the last minute',
}

/** Counts what each address and all of them do, and refuses what is too much. An address is null for a program on this machine. */
export class Limits {
  readonly #perAddress: LimitSet
  readonly #inAll: LimitSet
  readonly #held: Record<Held, Map<string, number>> = {
    connections: new Map(),
    sockets: new Map(),
    broadcasts: new Map(),
  }
  readonly #rates: Record<Rate, { perAddress: RateLimiterMemory; inAll: RateLimiterMemory }>

  constructor(perAddress: LimitSet, inAll: LimitSet) {
    this.#perAddress = perAddress
    this.#inAll = inAll
    // It counts in whole numbers.
    const rate = (name: Rate) => {
      const unit = name === 'megabytes' ? BYTES : 1
      const of = (limits: LimitSet) => new RateLimiterMemory({ points: limits[name] * unit, duration: MINUTE_S })
      return { perAddress: of(perAddress), inAll: of(inAll) }
    }
    this.#rates = { hellos: rate('hellos'), calls: rate('calls'), megabytes: rate('megabytes') }
  }

  /**
   * Counts something that lasts, until the function that it gives is called.
   * @throws GatewayError `too_many`
   */
  hold(what: Held, from: string | null): () => void {
    const address = from === null ? null : networkOf(from)
    const counts = this.#held[what]
    const all = counts.get(ALL) ?? 0
    const own = address === null ? 0 : (counts.get(address) ?? 0)
    if (own >= this.#perAddress[what] || all >= this.#inAll[what]) throw tooMany(what)
    const change = (by: 1 | -1) => {
      for (const key of address === null ? [ALL] : [ALL, address]) {
        const count = (counts.get(key) ?? 0) + by
        if (count > 0) counts.set(key, count)
        else counts.delete(key)
      }
    }
    change(1)
    let isHeld = true
    return () => {
      if (isHeld) change(-1)
      isHeld = false
    }
  }

  /**
   * Counts something that happens: once, or `amount` bytes of it.
   * @throws GatewayError `too_many`
   */
  async note(what: Rate, from: string | null, amount = 1): Promise<void> {
    const address = from === null ? null : networkOf(from)
    const { perAddress, inAll } = this.#rates[what]
    try {
      if (address !== null) await perAddress.consume(address, amount)
      await inAll.consume(ALL, amount)
    } catch (error) {
      if (error instanceof RateLimiterRes) throw tooMany(what)
      throw error
    }
  }
}

function tooMany(what: keyof LimitSet): GatewayError {
  return new GatewayError('too_many', `${WORDS[what]}. Try again in a minute.`)
}

/** What counts as one address: one of IPv4, or the network of IPv6 that a single customer has (RFC 6177). What is none is as it is. */
export function networkOf(address: string): string {
  if (!ipaddr.isValid(address)) return address
  const parsed = ipaddr.process(address)
  if (parsed.kind() === 'ipv4') return parsed.toString()
  return `${ipaddr.IPv6.networkAddressFromCIDR(`${parsed.toString()}/64`).toString()}/64`
}
