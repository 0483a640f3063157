/** Whether it helps to try again, and how. */
export type Retry =
  /** Not as it was: what was asked for has to change. */
  | 'never'
  /** In a moment, by itself. */
  | 'soon'
  /** In a minute or more, when a person wants to. */
  | 'later'
  /** With another token. */
  | 'with-a-new-token'
  /** As a new session: what the server had of the old one is gone. */
  | 'as-a-new-session'

interface ErrorKind {
  /** The status over HTTP. */
  status: number
  retry: Retry
}

/** Every error that the gateway reports, over HTTP, over a WebSocket and in a log, by its code. `docs/errors.md` explains them. */
export const ERRORS = {
  bad_message: { status: 400, retry: 'never' },
  bad_request: { status: 400, retry: 'never' },
  unauthorized: { status: 401, retry: 'with-a-new-token' },
  forbidden: { status: 403, retry: 'never' },
  not_found: { status: 404, retry: 'never' },
  no_session: { status: 404, retry: 'as-a-new-session' },
  method_not_allowed: { status: 405, retry: 'never' },
  timeout: { status: 408, retry: 'soon' },
  hello_timeout: { status: 408, retry: 'soon' },
  conflict: { status: 409, retry: 'never' },
  name_taken: { status: 409, retry: 'never' },
  taken_over: { status: 410, retry: 'never' },
  precondition_failed: { status: 412, retry: 'never' },
  too_large: { status: 413, retry: 'never' },
  chunk_too_large: { status: 413, retry: 'never' },
  uri_too_long: { status: 414, retry: 'never' },
  unsupported_media: { status: 415, retry: 'never' },
  unsupported_offer: { status: 422, retry: 'never' },
  upgrade_required: { status: 426, retry: 'never' },
  precondition_required: { status: 428, retry: 'never' },
  too_many: { status: 429, retry: 'later' },
  headers_too_large: { status: 431, retry: 'never' },
  internal: { status: 500, retry: 'never' },
  unavailable: { status: 503, retry: 'soon' },
  no_capacity: { status: 503, retry: 'later' },
} as const satisfies Record<string, ErrorKind>

/** The code of an error of the gateway. */
export type ErrorCode = keyof typeof ERRORS

/** Close code of a broadcast that its publisher ended. */
export const CLOSE_ENDED = 1000

/** The close code of a WebSocket that ends with this error: 4000 and its status. 4000–4999 are for private use (RFC 6455, section 7.4.2). */
export function closeCodeOf(code: ErrorCode): number {
  return 4000 + ERRORS[code].status
}

/** Whether it helps to try again after the error that a server sent; `never` for a code that is not known here. */
export function retryOf(code: string): Retry {
  return Object.hasOwn(ERRORS, code) ? ERRORS[code as ErrorCode].retry : 'never'
}

/** An error of the gateway: a code for programs, and a sentence for people that says what happened, to what, and what to do. */
export class GatewayError extends Error {
  readonly code: ErrorCode

  constructor(code: ErrorCode, message: string) {
    super(message)
    this.name = 'GatewayError'
    this.code = code
  }
}
