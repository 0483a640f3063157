import { type IssuedClaims, signToken } from './access/access.ts'
import { isStreamPattern, PATTERN_RULE } from './access/claims.ts'
import { MissingError, UsageError } from './process/errors.ts'

/** Longest time that a token may be good for, in s: a year. */
export const MOST_TTL_SECONDS = 366 * 24 * 3600

/** What `castgate token` was asked for. */
export interface TokenRequest extends IssuedClaims {
  secret: string | null
  ttlSeconds: number
}

/**
 * Prints a token on standard output.
 * @throws UsageError, or MissingError without a secret
 */
export async function makeToken({ secret, ttlSeconds, ...claims }: TokenRequest): Promise<number> {
  if (!isStreamPattern(claims.stream)) throw new UsageError(`--stream takes ${PATTERN_RULE}.`)
  if (!claims.publish && !claims.play) throw new UsageError('Say what the token allows: --publish, --play, or both.')
  if (secret === null) {
    throw new MissingError(
      'secret_missing',
      'The secret that signs tokens is missing. Set CASTGATE_SECRET, or give --secret-file, as for castgate serve.',
    )
  }
  process.stdout.write(`${await signToken(secret, claims, ttlSeconds)}\n`)
  return 0
}

/** Reads `90`, `90s`, `15m`, `1h` or `7d` as seconds; null for what is none, or is longer than {@link MOST_TTL_SECONDS}. */
export function readDuration(text: string): number | null {
  const [, number, unit = 's'] = /^(\d{1,9})([smhd])?$/.exec(text.trim()) ?? []
  const seconds = Number(number) * { s: 1, m: 60, h: 3600, d: 86_400 }[unit as 's' | 'm' | 'h' | 'd']
  return seconds >= 1 && seconds <= MOST_TTL_SECONDS ? seconds : null
}
