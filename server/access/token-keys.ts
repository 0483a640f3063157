import { createPublicKey, type KeyObject } from 'node:crypto'
import { readFileSync } from 'node:fs'
import {
  createLocalJWKSet,
  createRemoteJWKSet,
  customFetch,
  decodeProtectedHeader,
  errors,
  type JWTPayload,
  type JWTVerifyGetKey,
  jwtVerify,
} from 'jose'
import { GatewayError } from '../../shared/errors.ts'
import { isFields, parseFields } from '../../shared/narrow.ts'
import { hasCode, UsageError } from '../process/errors.ts'

/** Seconds by which the clocks of the site that signs and of this server may differ. */
export const CLOCK_TOLERANCE_S = 5

/** Longest token that is looked at. */
const MAX_TOKEN_LENGTH = 8192

/** The compact serialization (RFC 7515, 7.1): no padding, no spaces. */
const COMPACT = /^[\w-]+\.[\w-]+\.[\w-]*$/

/** How long a key set that could not be fetched is not asked for again, in ms. */
const FETCH_AGAIN_MS = 5_000

/** One way in which tokens may be signed: a key, and the algorithms that may be used with it, and no others (RFC 8725, 3.1). */
interface KeySource {
  algorithms: string[]
  key: KeyObject | Uint8Array | JWTVerifyGetKey
}

/** Checks a token's signature and times; gives its claims. @throws GatewayError `unauthorized` */
export type VerifyToken = (token: string) => Promise<JWTPayload>

/** Verifies tokens that were signed with `secret` (HS256), or with a key of `keys`: see {@link readKeys}. */
export function tokenVerifier(secret: string | null, keys: KeySource | null): VerifyToken {
  const shared: KeySource | null =
    secret === null ? null : { algorithms: ['HS256'], key: new TextEncoder().encode(secret) }
  const sources = [shared, keys].filter((source) => source !== null)
  return async (token) => {
    if (token.length > MAX_TOKEN_LENGTH) throw refused('it is too long')
    if (!COMPACT.test(token)) throw refused('it is no JSON Web Token')
    const source = sources.find(({ algorithms }) => algorithms.includes(algorithmOf(token)))
    if (!source) throw refused('it is signed in a way that this server does not take')
    const options = { algorithms: source.algorithms, clockTolerance: CLOCK_TOLERANCE_S }
    const { key } = source
    try {
      const { payload } = await (typeof key === 'function'
        ? jwtVerify(token, key, options)
        : jwtVerify(token, key, options))
      return payload
    } catch (error) {
      throw refusal(error)
    }
  }
}

/**
 * Reads the public keys of a site: a PEM file with one key or certificate, a file with a JSON Web Key Set (RFC 7517), or the address of
 * such a set.
 * @throws UsageError where it is none of these
 */
export function readKeys(place: string): KeySource {
  const asymmetric = ['RS256', 'ES256', 'EdDSA', 'Ed25519']
  if (/^https?:/.test(place)) {
    const url = new URL(place)
    const isHere = ['localhost', '127.0.0.1', '[::1]'].includes(url.hostname)
    if (url.protocol !== 'https:' && !isHere) throw new UsageError('--token-keys takes keys over https only.')
    return { algorithms: asymmetric, key: createRemoteJWKSet(url, { [customFetch]: patientFetch() }) }
  }
  const text = readText(place)
  const set = parseFields(text)
  if (set === null) return pemKey(place, text)
  const { keys } = set
  if (!Array.isArray(keys) || !keys.every(isFields)) throw noKeys(place)
  return { algorithms: asymmetric, key: createLocalJWKSet({ keys }) }
}

/**
 * Fetches, and after a failure fails for some seconds without asking: each token with a key that is not known would be a request, since jose rests
 * after an answer alone.
 */
function patientFetch(): typeof fetch {
  let failure: { at: number; error: unknown } | null = null
  return async (...request) => {
    if (failure && performance.now() - failure.at < FETCH_AGAIN_MS) throw failure.error
    try {
      const answer = await fetch(...request)
      if (!answer.ok) throw new Error(`The key set was answered with ${answer.status}.`)
      failure = null
      return answer
    } catch (error) {
      failure = { at: performance.now(), error }
      throw error
    }
  }
}

function pemKey(place: string, pem: string): KeySource {
  let key: KeyObject
  try {
    key = createPublicKey(pem)
  } catch {
    throw noKeys(place)
  }
  switch (key.asymmetricKeyType) {
    case 'rsa':
      return { algorithms: ['RS256'], key }
    case 'ec':
      return { algorithms: ['ES256'], key }
    case 'ed25519':
      return { algorithms: ['EdDSA', 'Ed25519'], key }
    default:
      throw noKeys(place)
  }
}

function readText(place: string): string {
  try {
    return readFileSync(place, 'utf8')
  } catch {
    throw new UsageError(`The file "${place}" of --token-keys cannot be read.`)
  }
}

function noKeys(place: string): UsageError {
  return new UsageError(`"${place}" holds neither a public key in PEM (RSA, P-256, Ed25519) nor a JSON Web Key Set.`)
}

function algorithmOf(token: string): string {
  try {
    return decodeProtectedHeader(token).alg ?? ''
  } catch {
    throw refused('it is no JSON Web Token')
  }
}

/** What is wrong with a token, in words that do not repeat it. */
function refusal(error: unknown): GatewayError {
  if (error instanceof errors.JWTExpired) return refused('it has expired')
  if (error instanceof errors.JWTClaimValidationFailed && error.claim === 'nbf') return refused('it is not valid yet')
  if (error instanceof errors.JWSSignatureVerificationFailed || error instanceof errors.JWKSNoMatchingKey) {
    return refused('its signature is not one of this server’s keys')
  }
  // A key set that is no answer, or comes too late, says nothing about the token.
  const isOfKeys =
    error instanceof errors.JWKSTimeout || error instanceof errors.JWKSInvalid || hasCode(error, 'ERR_JOSE_GENERIC')
  if (error instanceof errors.JOSEError && !isOfKeys) return refused('it is no valid JSON Web Token')
  return new GatewayError(
    'unavailable',
    'The keys that tokens are checked with cannot be fetched now. Try again later.',
  )
}

function refused(why: string): GatewayError {
  return new GatewayError('unauthorized', `The token is not valid: ${why}. Ask for a new one.`)
}
