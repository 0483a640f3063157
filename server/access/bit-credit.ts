/**
 * What a recorder may send above the bitrate of its token: recorders aim at a bitrate, and sound and the container come on top.
 */
const TOLERANCE = 1.3
/** Seconds of it that may come at once at the beginning. */
const START_SECONDS = 10
/** And after an outage in which nothing came: what a page keeps, twice. */
const MAX_SECONDS = 120

/** Most tokens that are remembered: beyond, the oldest begins anew. */
const MAX_TOKENS = 10_000

interface Account {
  bits: number
  /** When it was last looked at, on the monotonic clock, in ms. */
  at: number
}

/** How many bits each token may still send: it is the same account in all of its broadcasts, one after the other or at a time. */
export class BitCredit {
  readonly #now: () => number
  readonly #accounts = new Map<string, Account>()

  /** `now`: a monotonic clock, in ms. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now
  }

  /** Whether the token with this id may send so many bits more, at `maxBitrate` bits a second. */
  spend(tokenId: string, maxBitrate: number, bits: number): boolean {
    const now = this.#now()
    const rate = maxBitrate * TOLERANCE
    const account = this.#accounts.get(tokenId) ?? { bits: rate * START_SECONDS, at: now }
    account.bits = Math.min(rate * MAX_SECONDS, account.bits + (rate * (now - account.at)) / 1000) - bits
    account.at = now
    this.#accounts.delete(tokenId)
    this.#accounts.set(tokenId, account)
    const [oldest] = this.#accounts.keys()
    if (oldest !== undefined && this.#accounts.size > MAX_TOKENS) this.#accounts.delete(oldest)
    return account.bits >= 0
  }
}
