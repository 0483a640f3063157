import { lookup } from 'node:dns/promises'
import ipaddr from 'ipaddr.js'
import { GatewayError } from '../../shared/errors.ts'

/** Where a connection may go: an address that was looked at, and is not looked up again. */
export interface Pinned {
  address: string
  family: 4 | 6
}

/** Finds the addresses of a name: what `dns.lookup` gives. */
export type Lookup = (name: string) => Promise<{ address: string }[]>

const everyAddress: Lookup = (name) => lookup(name, { all: true, verbatim: true })

/** What stands in an allow list. */
type Entry =
  | { kind: 'name'; suffix: string; exact: boolean }
  | { kind: 'range'; range: [ipaddr.IPv4 | ipaddr.IPv6, number] }

/**
 * Says which hosts broadcasts may be sent to. An entry is a name (`live.example.org`), all names below one (`*.example.org`), any name
 * (`*`), or an address or a range of them (`192.0.2.7`, `10.0.0.0/8`). Names are only good for public addresses: those of this
 * machine and of the networks around it are refused unless a range has them.
 */
export class HostPolicy {
  readonly #entries: Entry[]
  readonly #lookup: Lookup

  /** @throws SyntaxError for an entry that is none of these */
  constructor(entries: readonly string[], addresses: Lookup = everyAddress) {
    this.#entries = entries.map(readEntry)
    this.#lookup = addresses
  }

  /** What the operator has named besides is allowed, too; an address that is private must be allowed as such. */
  static withNamed(entries: readonly string[], named: readonly string[]): HostPolicy {
    return new HostPolicy([...entries, ...named.filter((host) => !isPrivateAddress(host))])
  }

  /**
   * Whether broadcasts may be sent to `host`, as far as can be said without looking it up.
   * @throws GatewayError `forbidden`
   */
  requireHost(host: string): void {
    const address = addressIn(host)
    if (address) {
      if (!this.#isAllowed(address, true)) throw refused(host)
    } else if (!this.#entries.some((entry) => entry.kind === 'name' && covers(entry, host))) throw refused(host)
  }

  /**
   * The addresses to connect to, at least one. A name is looked up here and now, and what it gives is what counts.
   * @throws GatewayError `forbidden` for a host that is not allowed, `unavailable` where the name is not known
   */
  async pin(host: string): Promise<Pinned[]> {
    this.requireHost(host)
    const literal = addressIn(host)
    if (literal) return [pinned(literal)]
    const found = await this.#lookup(host).catch(() => {
      throw new GatewayError('unavailable', `The name ${host} cannot be found.`)
    })
    const addresses = found.map((answer) => ipaddr.process(answer.address))
    const allowed = addresses.filter((address) => this.#isAllowed(address, false))
    if (allowed.length > 0) return allowed.map(pinned)
    throw new GatewayError(
      'forbidden',
      `${host} is at an address that is not public. The operator can allow it with --target-hosts.`,
    )
  }

  /** An address that stands in a URL itself needs an entry; one that an allowed name has must be public, or have one. */
  #isAllowed(address: ipaddr.IPv4 | ipaddr.IPv6, isLiteral: boolean): boolean {
    const isListed = this.#entries.some(
      (entry) => entry.kind === 'range' && entry.range[0].kind() === address.kind() && address.match(entry.range),
    )
    if (isListed) return true
    const takesAny = this.#entries.some((entry) => entry.kind === 'name' && entry.suffix === '' && !entry.exact)
    return isPublic(address) && (!isLiteral || takesAny)
  }
}

/** The host of a URL as DNS and sockets take it, in its one form: `0177.1`, `2130706433` and `127.0.0.1` are the same. Null for none. */
export function normalHost(host: string): string | null {
  const url = `http://${host.replace(/\.$/, '')}/`
  if (!URL.canParse(url)) return null
  const { hostname, username, password, port, pathname } = new URL(url)
  if (username || password || port || pathname !== '/') return null
  return hostname.replace(/^\[|\]$/g, '')
}

/** Whether `host` is itself an address, and one that is not public. */
function isPrivateAddress(host: string): boolean {
  const address = addressIn(host)
  return address !== null && !isPublic(address)
}

function addressIn(host: string): ipaddr.IPv4 | ipaddr.IPv6 | null {
  return ipaddr.isValid(host) ? ipaddr.process(host) : null
}

/** All of IPv6 that is global and unicast (RFC 4291, 2.4): what is outside of it embeds IPv4 addresses, or is not given to anyone. */
const GLOBAL_IPV6 = ipaddr.parseCIDR('2000::/3')

/** Unicast is what is left of a family when all ranges with a purpose of their own are taken out. */
function isPublic(address: ipaddr.IPv4 | ipaddr.IPv6): boolean {
  return address.range() === 'unicast' && (address.kind() === 'ipv4' || address.match(GLOBAL_IPV6))
}

function pinned(address: ipaddr.IPv4 | ipaddr.IPv6): Pinned {
  return { address: address.toString(), family: address.kind() === 'ipv4' ? 4 : 6 }
}

function readEntry(text: string): Entry {
  if (text === '*') return { kind: 'name', suffix: '', exact: false }
  if (text.includes('/')) return { kind: 'range', range: ipaddr.parseCIDR(text) }
  const address = addressIn(text)
  if (address) return { kind: 'range', range: [address, address.kind() === 'ipv4' ? 32 : 128] }
  const [, wildcard, name = ''] = /^(\*\.)?([a-z0-9_-]+(?:\.[a-z0-9_-]+)*)$/i.exec(text) ?? []
  if (name === '') throw new SyntaxError(`"${text}" is neither a host nor an address nor a range of them.`)
  return { kind: 'name', suffix: wildcard ? `.${name.toLowerCase()}` : name.toLowerCase(), exact: !wildcard }
}

function covers({ suffix, exact }: Extract<Entry, { kind: 'name' }>, host: string): boolean {
  return exact ? host === suffix : host.endsWith(suffix)
}

function refused(host: string): GatewayError {
  return new GatewayError(
    'forbidden',
    `Broadcasts may not be sent to ${host}. The operator can allow it with --target-hosts.`,
  )
}
