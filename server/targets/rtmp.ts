import type { Logger } from 'pino'
import type { TargetSource, TargetStatus } from '../../shared/status.ts'
import type { Broadcast } from '../broadcast/broadcast.ts'
import type { Ffmpegs } from '../ffmpeg/ffmpegs.ts'
import { tunnelTargetJob } from '../ffmpeg/jobs.ts'
import type { HostPolicy } from '../net/host-policy.ts'
import { secretsOf, type TargetAddress } from './address.ts'
import { type Attempt, type FfmpegOutput, startFfmpegOutput } from './ffmpeg-output.ts'
import { writeKeyFile } from './key-file.ts'
import { openTunnel } from './tunnel.ts'

/** A platform that is down is not asked more often than this. */
const MAX_RETRY_DELAY_MS = 15_000

/** What pushing to a target needs. */
export interface RtmpTargetOptions {
  id: string
  addedBy: TargetSource
  policy: HostPolicy
  ffmpegs: Ffmpegs
  log: Logger
  onState(status: TargetStatus): void
}

/**
 * Pushes a broadcast to a target. Each attempt looks the host up anew, and connects to an address that is allowed, through a tunnel
 * of the gateway's own.
 */
export function startRtmpTarget(
  broadcast: Broadcast,
  target: TargetAddress,
  { policy, ...options }: RtmpTargetOptions,
): FfmpegOutput {
  const { name, host } = target
  return startFfmpegOutput(broadcast, {
    ...options,
    ...{ name, host, secrets: secretsOf(target), maxRetryDelayMs: MAX_RETRY_DELAY_MS, prepare },
  })

  async function prepare(): Promise<Attempt> {
    const pinned = await policy.pin(host)
    const file = await writeKeyFile(target)
    try {
      const tunnel = await openTunnel(target, pinned)
      return {
        job: tunnelTargetJob(tunnel.port, file.path),
        onOpen: () => void file.remove(),
        bytesOut: () => tunnel.bytesOut(),
        problem: () => tunnel.problem(),
        async release() {
          await file.remove()
          await tunnel.close()
        },
      }
    } catch (error) {
      await file.remove()
      throw error
    }
  }
}
