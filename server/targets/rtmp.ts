import { dial, dialProblem } from '../net/dial.ts'
import type { HostPolicy } from '../net/host-policy.ts'
import { publishRtmp } from '../rtmp/publish.ts'
import type { TargetAddress } from './address.ts'
import type { TargetProtocol } from './target.ts'

/** RTMP and RTMPS to a target. Each attempt looks the host up anew, and connects to an address that is allowed. */
export function rtmpTarget(target: TargetAddress, policy: HostPolicy): TargetProtocol {
  return {
    async connect(signal) {
      const pinned = await policy.pin(target.host)
      const way = {
        name: target.host,
        connect: () => dial(target, pinned),
        problem: (error: NodeJS.ErrnoException) => dialProblem(error, target),
      }
      return publishRtmp(target, way, signal)
    },
  }
}
