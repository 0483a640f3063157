import { type IssuedClaims, signToken } from '../access/access.ts'
import { isStreamPattern, PATTERN_RULE } from '../access/claims.ts'
import { MissingError, UsageError } from '../process/errors.ts'

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
