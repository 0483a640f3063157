import type { Logger } from 'pino'
import type { TargetStatus } from '../../shared/status.ts'
import type { Broadcast, Output } from '../broadcast/broadcast.ts'
import type { Ffmpegs } from '../ffmpeg/ffmpegs.ts'
import { rtmpTargetJob } from '../ffmpeg/jobs.ts'
import { startFfmpegOutput } from './ffmpeg-output.ts'

/** What pushing to our own RTMP server needs. */
export interface RtmpTargetOptions {
  name: string
  url: string
  ffmpegs: Ffmpegs
  log: Logger
  onState(status: TargetStatus): void
}

/** The RTMP server is here, or near. */
const MAX_RETRY_DELAY_MS = 3_000

/** Pushes a broadcast to the gateway's own RTMP server, at a URL that may hold a secret: it is told to nobody. */
export function startRtmpTarget(broadcast: Broadcast, { name, url, ...options }: RtmpTargetOptions): Output {
  const attempt = {
    job: rtmpTargetJob(url),
    onOpen: () => {},
    bytesOut: () => null,
    problem: () => null,
    release: async () => {},
  }
  return startFfmpegOutput(broadcast, {
    ...{ id: name, name, host: null, addedBy: 'gateway', secrets: [], ...options, maxRetryDelayMs: MAX_RETRY_DELAY_MS },
    prepare: async () => attempt,
  })
}
