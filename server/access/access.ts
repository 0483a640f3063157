import { createHash, randomBytes } from 'node:crypto'
import { SignJWT } from 'jose'
import { GatewayError } from '../../shared/errors.ts'
import { isSame } from '../process/secret.ts'
import { BitCredit } from './bit-credit.ts'
import { type Claims, coversStream, parseClaims } from './claims.ts'
import { Revocations } from './revocations.ts'
import { CLOCK_TOLERANCE_S, readKeys, tokenVerifier, type VerifyToken } from './token-keys.ts'

/** How a gateway decides who may do what. */
export interface AccessOptions {
  /** Signs and verifies tokens (HS256). */
  secret: string | null
  /** Where a site's own public keys are: see {@link readKeys}. */
  tokenKeys: string | null
  /** For those who run the gateway. */
  adminKey: string | null
  /** Whether watching needs a token as well. */
  isPrivate: boolean
}

/** What someone was allowed, and for how long. */
export interface Grant {
  /** By which it can be revoked; null where no token was needed. */
  tokenId: string | null
  /** As `Date.now()`; null where it does not end. */
  expiresAt: number | null
  maxSeconds: number | null
  maxBitrate: number | null
  /** Whether the broadcast is recorded because of it. */
  record: boolean
}

const UNBOUNDED: Grant = { tokenId: null, expiresAt: null, maxSeconds: null, maxBitrate: null, record: false }

/** Says who may publish, watch and administrate. Without a secret and keys, everyone may publish and watch. */
export class Access {
  /** Whether publishing needs no token. */
  readonly isOpen: boolean
  readonly isPrivate: boolean
  /** What tokens may still send that say how much. */
  readonly credit = new BitCredit()
  readonly #secret: string | null
  readonly #adminKey: string | null
  readonly #tokenKeys: string | null
  #verify: VerifyToken
  readonly #revocations = new Revocations()

  /** @throws UsageError where the keys cannot be read */
  constructor({ secret, tokenKeys, adminKey, isPrivate }: AccessOptions) {
    this.isOpen = secret === null && tokenKeys === null
    this.isPrivate = isPrivate
    this.#secret = secret
    this.#adminKey = adminKey
    this.#tokenKeys = tokenKeys
    this.#verify = tokenVerifier(secret, tokenKeys === null ? null : readKeys(tokenKeys))
  }

  /**
   * Reads the public keys of a site again; those from before stay where they cannot be read. Returns whether there are any.
   * @throws UsageError where the keys cannot be read
   */
  reloadKeys(): boolean {
    if (this.#tokenKeys === null) return false
    this.#verify = tokenVerifier(this.#secret, readKeys(this.#tokenKeys))
    return true
  }

  /** @throws GatewayError `unauthorized` for a bad token, `forbidden` for one that does not allow this */
  async publish(token: string | null, name: string): Promise<Grant> {
    if (this.isOpen) return UNBOUNDED
    return this.#grant(token, name, 'publish')
  }

  /** @throws GatewayError `unauthorized` for a bad token, `forbidden` for one that does not allow this */
  async play(token: string | null, name: string): Promise<Grant> {
    if (!this.isPrivate) return UNBOUNDED
    return this.#grant(token, name, 'play')
  }

  get hasAdminKey(): boolean {
    return this.#adminKey !== null
  }

  /** Whether somebody is told apart from strangers: by a token, or by the admin key. */
  get isGuarded(): boolean {
    return !this.isOpen || this.hasAdminKey
  }

  isAdmin(key: string | null): boolean {
    return key !== null && this.#adminKey !== null && isSame(key, this.#adminKey)
  }

  /** The streams that the bearer of `token` may publish, as a name or a pattern; null for none, or where no tokens are checked. */
  async publishedWith(token: string | null): Promise<string | null> {
    if (this.isOpen || token === null) return null
    try {
      const { claims } = await this.#read(token)
      return claims.publish ? claims.stream : null
    } catch (error) {
      if (error instanceof GatewayError) return null
      throw error
    }
  }

  /** @throws GatewayError `unauthorized` for a wrong key or none, `forbidden` where the gateway has no admin key */
  requireAdmin(key: string | null): void {
    if (this.#adminKey === null) {
      throw new GatewayError('forbidden', 'This gateway has no admin key. Start it with CASTGATE_ADMIN_KEY.')
    }
    if (!this.isAdmin(key)) {
      throw new GatewayError('unauthorized', 'This needs the admin key, as "Authorization: Bearer KEY".')
    }
  }

  /**
   * Makes a token that is good for `ttlSeconds`.
   * @throws GatewayError `unavailable` where the gateway has no secret to sign with
   */
  async issue(claims: IssuedClaims, ttlSeconds: number): Promise<string> {
    if (this.#secret === null) {
      throw new GatewayError('unavailable', 'This gateway has no secret to sign tokens with. Set CASTGATE_SECRET.')
    }
    return signToken(this.#secret, claims, ttlSeconds)
  }

  /** Denies a token until it expires: who broadcasts or watches with it is cut off. */
  revoke(tokenId: string, expiresAt: number | null): void {
    this.#revocations.deny(tokenId, expiresAt)
  }

  /** Calls `onOver` once, when what was granted ends: its token expires or is revoked. Gives a function that stops waiting. */
  whenOver({ tokenId, expiresAt }: Grant, onOver: (reason: GatewayError) => void): () => void {
    if (tokenId === null) return () => {}
    return this.#revocations.whenOver(tokenId, expiresAt, (why) => onOver(over(why)))
  }

  async #grant(token: string | null, name: string, what: 'publish' | 'play'): Promise<Grant> {
    if (token === null) throw new GatewayError('unauthorized', NEEDED[what])
    const { claims, tokenId } = await this.#read(token)
    if (!claims[what]) throw new GatewayError('forbidden', NOT_ALLOWED[what])
    if (!coversStream(claims.stream, name)) throw new GatewayError('forbidden', 'The token is for another stream.')
    const { exp, maxSeconds, maxBitrate, record } = claims
    // As long as it would be taken.
    const expiresAt = exp === null ? null : (exp + CLOCK_TOLERANCE_S) * 1000
    return { tokenId, expiresAt, maxSeconds, maxBitrate, record }
  }

  /** @throws GatewayError `unauthorized` for a token that is not valid, or was revoked */
  async #read(token: string): Promise<{ claims: Claims; tokenId: string }> {
    const claims = parseClaims(await this.#verify(token))
    // What is signed, and not the signature: that can be written in several ways (RFC 7515, appendix C; for ES256, -s is as good as s).
    const tokenId = claims.jti ?? createHash('sha256').update(signedPart(token)).digest('base64url')
    if (this.#revocations.isDenied(tokenId)) throw over('revoked')
    return { claims, tokenId }
  }
}

/** Its header and payload, as they are signed (RFC 7515, 5.1). */
function signedPart(token: string): string {
  return token.slice(0, token.lastIndexOf('.'))
}

/** What a token is made for. */
export type IssuedClaims = Pick<Claims, 'stream' | 'publish' | 'play' | 'maxSeconds' | 'maxBitrate'> & {
  record?: boolean
}

/** Signs a token with `secret` (HS256), good for `ttlSeconds`, with an id of its own. It is kept short: people paste it into encoders. */
export function signToken(secret: string, claims: IssuedClaims, ttlSeconds: number): Promise<string> {
  const { stream, publish, play, record, maxSeconds, maxBitrate } = claims
  return new SignJWT({
    stream,
    ...(publish && { publish }),
    ...(play && { play }),
    ...(record && { record }),
    ...(maxSeconds !== null && { maxSeconds }),
    ...(maxBitrate !== null && { maxBitrate }),
  })
    .setProtectedHeader({ alg: 'HS256' })
    .setJti(randomBytes(8).toString('base64url'))
    .setExpirationTime(Math.floor(Date.now() / 1000 + ttlSeconds))
    .sign(new TextEncoder().encode(secret))
}

const NEEDED = {
  publish: 'Broadcasting here needs a token. Ask whoever runs this server for one.',
  play: 'Watching here needs a token. Ask whoever gave you the link for a new one.',
}

const NOT_ALLOWED = {
  publish: 'The token does not allow to broadcast.',
  play: 'The token does not allow to watch.',
}

function over(why: 'expired' | 'revoked'): GatewayError {
  return why === 'expired'
    ? new GatewayError('unauthorized', 'The token has expired. Ask for a new one.')
    : new GatewayError('unauthorized', 'The token was revoked. Ask for a new one.')
}
