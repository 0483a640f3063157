import { IngestError } from '../../shared/close-codes.ts'
import type { Access, Grant } from '../access/access.ts'
import type { Broadcast } from '../broadcast/broadcast.ts'

/** How often the limits of a token are looked at. */
const LOOK_MS = 1_000

/**
 * What a recorder may send above the bitrate of its token: recorders aim at a bitrate, and sound and the container come on top. What
 * waited in an outage comes at once, so the time since the broadcast began counts, over all of its sockets.
 */
const TOLERANCE = 1.3
const START_SECONDS = 10

/**
 * Holds a broadcast to what its publisher was granted: calls `stop` once, when the token expires or is revoked, or when a limit in it is
 * passed, or someone stops the broadcast. Gives a function that ends this.
 */
export function holdToGrant(
  broadcast: Broadcast,
  grant: Grant,
  access: Access,
  stop: (reason: IngestError) => Promise<void>,
): () => void {
  const { maxSeconds, maxBitrate } = grant
  let timer: NodeJS.Timeout | undefined
  const cancel = access.whenOver(grant, (reason) => void over(reason))
  if (maxSeconds !== null || maxBitrate !== null) timer = setInterval(look, LOOK_MS)
  const { tokenId, expiresAt, record } = grant
  broadcast.publisher = { tokenId, expiresAt, record, stop: over }
  return release

  function release(): void {
    clearInterval(timer)
    cancel()
    broadcast.publisher = null
  }

  function over(reason: IngestError): Promise<void> {
    release()
    return stop(reason)
  }

  function look(): void {
    const reason = passedLimit()
    if (reason) void over(reason)
  }

  function passedLimit(): IngestError | null {
    const seconds = (Date.now() - broadcast.startedAt.getTime()) / 1000
    if (maxSeconds !== null && seconds > maxSeconds) {
      return new IngestError('forbidden', `The token allows broadcasts of ${maxSeconds} s, and this one is longer.`)
    }
    const allowed = (maxBitrate ?? Number.POSITIVE_INFINITY) * TOLERANCE * (seconds + START_SECONDS)
    if (broadcast.bytesIn * 8 > allowed) {
      return new IngestError('forbidden', `The token allows ${maxBitrate} bits a second, and more came.`)
    }
    return null
  }
}
