/** The name of a broadcast: 1–64 letters, digits, `_` and `-`. It is part of URLs and of file names. */
export const STREAM_NAME_PATTERN = /^[A-Za-z0-9_-]{1,64}$/

/** What a person may use in a stream name, for error messages. */
export const STREAM_NAME_RULE = '1 to 64 letters, digits, "_" or "-"'

/** Whether `value` can name a stream. */
export function isStreamName(value: unknown): value is string {
  return typeof value === 'string' && STREAM_NAME_PATTERN.test(value)
}
