import { GatewayError } from '../../shared/errors.ts'
import { type Fields, isFields, isNumberFrom } from '../../shared/narrow.ts'

/** What a token says that its bearer may do. Times are seconds since 1970 (RFC 7519, 2: NumericDate). */
export interface Claims {
  /** A stream name, or a pattern in which `*` stands for any part of one. */
  stream: string
  publish: boolean
  play: boolean
  /** The token's id, by which it can be revoked. */
  jti: string | null
  exp: number | null
  /** How long one broadcast may last, in s. */
  maxSeconds: number | null
  /** Whether what its bearer broadcasts is recorded. */
  record: boolean
  /** Bits a second of recording that a publisher may send. */
  maxBitrate: number | null
}

/** What the stream of a token looks like, for JSON Schema. */
export const STREAM_PATTERN = '^[A-Za-z0-9_*-]{1,64}$'

const PATTERN = new RegExp(STREAM_PATTERN)

/** What a person may use as the stream of a token, for error messages. */
export const PATTERN_RULE = '1 to 64 letters, digits, "_", "-" or "*"'

/** Whether `value` can be the `stream` of a token. */
export function isStreamPattern(value: unknown): value is string {
  return typeof value === 'string' && PATTERN.test(value)
}

/** Whether `pattern` stands for the stream `name`. */
export function coversStream(pattern: string, name: string): boolean {
  const [first = '', ...rest] = pattern.split('*')
  const last = rest.pop()
  if (last === undefined) return pattern === name
  if (!name.startsWith(first) || !name.endsWith(last) || name.length < first.length + last.length) return false
  let from = first.length
  for (const piece of rest) {
    const at = name.indexOf(piece, from)
    if (at < 0) return false
    from = at + piece.length
  }
  return from <= name.length - last.length
}

/**
 * Reads the claims of a token whose signature was checked.
 * @throws GatewayError `unauthorized` for claims that are not Castgate's
 */
export function parseClaims(payload: unknown): Claims {
  if (!isFields(payload)) throw bad('its claims are no object')
  const { stream, jti, exp } = payload
  if (!isStreamPattern(stream)) throw bad(`its claim "stream" is not ${PATTERN_RULE}`)
  if (jti !== undefined && (typeof jti !== 'string' || jti.length > 256)) throw bad('its claim "jti" is no text')
  return {
    stream,
    publish: flag(payload, 'publish'),
    play: flag(payload, 'play'),
    jti: jti ?? null,
    exp: typeof exp === 'number' ? exp : null,
    record: flag(payload, 'record'),
    maxSeconds: limit(payload, 'maxSeconds'),
    maxBitrate: limit(payload, 'maxBitrate'),
  }
}

function flag(payload: Fields, name: string): boolean {
  const value = payload[name]
  if (value !== undefined && typeof value !== 'boolean') throw bad(`its claim "${name}" is neither true nor false`)
  return value === true
}

function limit(payload: Fields, name: string): number | null {
  const value = payload[name]
  if (value === undefined) return null
  if (!isNumberFrom(1, value)) throw bad(`its claim "${name}" is no number of at least 1`)
  return value
}

function bad(why: string): GatewayError {
  return new GatewayError('unauthorized', `The token cannot be used: ${why}.`)
}
