import { isFields } from '../../shared/narrow.ts'

/** What the API says went wrong, for people; `data` is the body of its answer, or null where there was none. */
export function messageOf(data: unknown): string {
  const error = isFields(data) && isFields(data.error) ? data.error.message : null
  return typeof error === 'string' ? error : 'The gateway does not answer.'
}
