import { GatewayError } from '../../shared/errors.ts'
import type { Access, Grant } from '../access/access.ts'
import type { Broadcast } from '../broadcast/broadcast.ts'

/** How often the limits of a token are looked at. */
const LOOK_MS = 1_000

/**
 * Holds a broadcast to what its publisher was granted: calls `stop` once, when the token expires or is revoked, or when a limit in it is
 * passed, or someone stops the broadcast. Gives a function that ends this.
 */
export function holdToGrant(
  broadcast: Broadcast,
  grant: Grant,
  access: Access,
  stop: (reason: GatewayError) => Promise<void>,
): () => void {
  const { maxSeconds, maxBitrate } = grant
  let timer: NodeJS.Timeout | undefined
  let counted = broadcast.bytesIn
  const cancel = access.whenOver(grant, (reason) => void over(reason))
  const { tokenId, expiresAt, record } = grant
  if (maxSeconds !== null || maxBitrate !== null) timer = setInterval(look, LOOK_MS)
  // An earlier broadcast may have used up what the token allows.
  const first = maxBitrate === null ? undefined : setImmediate(look)
  broadcast.publisher = { tokenId, expiresAt, record, stop: over }
  return release

  function release(): void {
    clearInterval(timer)
    clearImmediate(first)
    isWithinBitrate()
    cancel()
    broadcast.publisher = null
  }

  function over(reason: GatewayError): Promise<void> {
    release()
    return stop(reason)
  }

  function look(): void {
    const reason = passedLimit()
    if (reason) void over(reason)
  }

  function passedLimit(): GatewayError | null {
    const seconds = broadcast.ageMs / 1000
    if (maxSeconds !== null && seconds > maxSeconds) {
      return new GatewayError('forbidden', `The token allows broadcasts of ${maxSeconds} s, and this one is longer.`)
    }
    if (isWithinBitrate()) return null
    return new GatewayError('forbidden', `The token allows ${maxBitrate} bits a second, and more came.`)
  }

  /** Counts what came since it was asked last. */
  function isWithinBitrate(): boolean {
    const bits = (broadcast.bytesIn - counted) * 8
    counted = broadcast.bytesIn
    return maxBitrate === null || tokenId === null || access.credit.spend(tokenId, maxBitrate, bits)
  }
}
