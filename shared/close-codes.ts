/**
 * Why a socket or a request ends: the name is the `code` of the error message, the number is the WebSocket close code.
 * Close codes 4000–4999 are for private use (RFC 6455, section 7.4.2).
 */
export const CLOSE_CODES = {
  bad_message: 4400,
  unauthorized: 4401,
  forbidden: 4403,
  no_session: 4404,
  hello_timeout: 4408,
  name_taken: 4409,
  taken_over: 4410,
  chunk_too_large: 4413,
  unsupported_media: 4415,
  too_many: 4429,
  internal: 4500,
  unavailable: 4503,
  /** The same to a socket: it may be tried again, but not by itself. */
  no_capacity: 4503,
} as const

/** The name of a reason for which the server closes an ingest socket. */
export type IngestErrorCode = keyof typeof CLOSE_CODES

/** Close code of a broadcast that its publisher ended. */
export const CLOSE_ENDED = 1000

/** The name of a close code, or null for one that is not Castgate's (or for no code at all). */
export function ingestErrorOf(closeCode: number | null): IngestErrorCode | null {
  for (const [name, code] of Object.entries(CLOSE_CODES)) if (code === closeCode) return name as IngestErrorCode
  return null
}

/** An error with a close code: thrown where the protocol is broken, sent to the other side where the socket is. */
export class IngestError extends Error {
  readonly code: IngestErrorCode

  constructor(code: IngestErrorCode, message: string) {
    super(message)
    this.name = 'IngestError'
    this.code = code
  }
}
