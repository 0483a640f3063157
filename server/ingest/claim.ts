import type { Capacity } from '../access/capacity.ts'
import type { Limits } from '../access/limits.ts'
import type { Broadcast, Source } from '../broadcast/broadcast.ts'
import type { Directory } from '../broadcast/directory.ts'

/** A broadcast that counts against the limits until `leave` is called. */
export interface Claimed {
  broadcast: Broadcast
  leave(): void
}

/**
 * Takes a free name for a new broadcast, and counts it. `address` is null for a program on this machine.
 * @throws GatewayError `name_taken`, `unavailable` or `too_many`
 */
export function claimCounted(
  directory: Directory,
  limits: Limits,
  capacity: Capacity,
  { name, source, address }: { name: string; source: Source; address: string | null },
): Claimed {
  capacity.admitBroadcast(directory.all().length)
  const broadcast = directory.claim(name, source)
  try {
    return { broadcast, leave: limits.hold('broadcasts', address) }
  } catch (error) {
    void broadcast.end()
    throw error
  }
}
