import type { Logger } from 'pino'
import type { Broadcast, Output } from '../broadcast/broadcast.ts'
import { rtmpTargetJob } from '../ffmpeg/jobs.ts'
import { startFfmpegOutput } from './ffmpeg-output.ts'

/** The RTMP server is here, or near. */
const LAST_RETRY_MS = 3_000

/** Pushes a broadcast to the gateway's own RTMP server, at a URL that may hold a secret: it is told to nobody. */
export function startRtmpTarget(
  broadcast: Broadcast,
  { name, url, ffmpegPath, log }: { name: string; url: string; ffmpegPath: string; log: Logger },
): Output {
  const attempt = {
    job: rtmpTargetJob(url),
    onOpen: () => {},
    bytesOut: () => null,
    problem: () => null,
    release: async () => {},
  }
  return startFfmpegOutput(broadcast, {
    ...{ id: name, name, host: null, secret: null, ffmpegPath, log, lastRetryMs: LAST_RETRY_MS },
    prepare: async () => attempt,
  })
}
