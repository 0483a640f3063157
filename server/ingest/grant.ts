import { IngestError } from '../../shared/close-codes.ts'
import type { Access, Grant } from '../access/access.ts'
import type { Broadcast } from '../broadcast/broadcast.ts'

/** How often the limits of a token are looked at. */
const LOOK_MS = 1_000

/**
 * What a recorder may send above the bitrate of its token: recorders aim at a bitrate, and sound and the container come on top. What
 * waited in an outage comes at once, so the time since the beginning counts.
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
  const began = Date.now()
  const before = broadcast.bytesIn
  const over = (reason: IngestError): Promise<void> => {
    release()
    return stop(reason)
  }
  const cancel = access.whenOver(grant, (reason) => void over(reason))
  const { maxSeconds, maxBitrate } = grant
  const timer =
    maxSeconds === null && maxBitrate === null
      ? undefined
      : setInterval(() => {
          const reason = passedLimit()
          if (reason) void over(reason)
        }, LOOK_MS)
  const { tokenId, expiresAt } = grant
  broadcast.publisher = { tokenId, expiresAt, stop: over }
  return release

  function release(): void {
    clearInterval(timer)
    cancel()
    broadcast.publisher = null
  }

  function passedLimit(): IngestError | null {
    if (maxSeconds !== null && Date.now() - broadcast.startedAt.getTime() > maxSeconds * 1000) {
      return new IngestError('forbidden', `The token allows broadcasts of ${maxSeconds} s, and this one is longer.`)
    }
    const seconds = (Date.now() - began) / 1000 + START_SECONDS
    const bits = (broadcast.bytesIn - before) * 8
    if (maxBitrate !== null && bits > maxBitrate * TOLERANCE * seconds) {
      return new IngestError('forbidden', `The token allows ${maxBitrate} bits a second, and more came.`)
    }
    return null
  }
}
