import { randomUUID } from 'node:crypto'
import { SignJWT } from 'jose'

/** The secret of the gateways of tests that have one. */
export const SECRET = 'a secret for tests, of 32 letters'
export const ADMIN_KEY = 'an admin key for tests'

/** The environment of a gateway with that secret and that key. */
export const GUARDED = { CASTGATE_SECRET: SECRET, CASTGATE_ADMIN_KEY: ADMIN_KEY }

/** The environment of a gateway with that key alone. */
export const WITH_KEY = { CASTGATE_ADMIN_KEY: ADMIN_KEY }

/** For calls that need the admin key. */
export const ADMIN = { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json', connection: 'close' }

/** Signs a token as a site of its own would, good for `seconds`. */
export function tokenFor(
  claims: Record<string, unknown>,
  { secret = SECRET, seconds = 60 }: { secret?: string; seconds?: number } = {},
): Promise<string> {
  return new SignJWT({ jti: randomUUID(), ...claims })
    .setProtectedHeader({ alg: 'HS256' })
    .setExpirationTime(Math.floor(Date.now() / 1000) + seconds)
    .sign(new TextEncoder().encode(secret))
}

/** A token that lets its bearer broadcast as `stream`. */
export const publishToken = (stream: string) => tokenFor({ stream, publish: true })

/** A token that lets its bearer watch `stream`. */
export const playToken = (stream: string) => tokenFor({ stream, play: true })
