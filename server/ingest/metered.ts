import type { Limits } from '../access/limits.ts'
import type { Incoming } from './connection.ts'

/** What a message counts for at least, in bytes: each costs time, however small it is. */
const MIN_COUNTED_BYTES = 4 * 1024

/** What arrives, counted. @throws GatewayError `too_many` */
export async function* metered(
  messages: AsyncGenerator<Incoming, void, undefined>,
  limits: Limits,
  address: string | null,
): AsyncGenerator<Incoming, void, undefined> {
  for await (const message of messages) {
    const bytes = message.type === 'chunk' ? message.payload.byteLength : 0
    await limits.note('megabytes', address, Math.max(MIN_COUNTED_BYTES, bytes))
    yield message
  }
}
