import type { Logger } from 'pino'
import type { TargetStatus } from '../../shared/status.ts'
import type { Broadcast } from '../broadcast/broadcast.ts'
import type { RtmpAddress } from '../rtmp/address.ts'
import { publishRtmp, type Way } from '../rtmp/publish.ts'
import { startTarget, type Target } from './target.ts'

/** What pushing to the gateway's own RTMP server needs. */
export interface OwnServerOptions {
  /** What it is: `nginx`, `external`. */
  name: string
  address: RtmpAddress
  way: Way
  log: Logger
  onState(status: TargetStatus): void
}

/** The RTMP server is here, or near. */
const MAX_RETRY_DELAY_MS = 3_000

/** Pushes a broadcast to the RTMP server that the gateway was told to push to. */
export function startOwnServer(broadcast: Broadcast, { name, address, way, ...options }: OwnServerOptions): Target {
  const { key } = address
  return startTarget(
    broadcast,
    {
      ...{ id: name, name, host: null, addedBy: 'gateway', ...options, maxRetryDelayMs: MAX_RETRY_DELAY_MS },
      // The name of the stream is no secret; what stands behind it is.
      secrets: key.includes('?') ? [key.slice(key.indexOf('?') + 1)] : [],
    },
    { connect: (signal) => publishRtmp(address, way, signal) },
  )
}
