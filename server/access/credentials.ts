import type { IncomingMessage } from 'node:http'

/** Longest token or key that is read from a request. */
const MAX_LENGTH = 8192

/** The token or key of `Authorization: Bearer …` (RFC 6750, 2.1), or null. */
export function bearerOf(request: IncomingMessage): string | null {
  const [, token] = /^Bearer +(.+)$/i.exec(request.headers.authorization ?? '') ?? []
  return token !== undefined && token.length <= MAX_LENGTH ? token : null
}

/**
 * The token of a request that plays: as above, or `token` in the query of a link, since players take nothing but a link. A query that
 * has two is not read.
 */
export function playTokenOf(request: IncomingMessage): string | null {
  const bearer = bearerOf(request)
  if (bearer !== null) return bearer
  const [, query = ''] = /\?(.*)$/s.exec(request.url ?? '') ?? []
  const tokens = new URLSearchParams(query).getAll('token')
  const [token] = tokens
  return tokens.length === 1 && token && token.length <= MAX_LENGTH ? token : null
}
