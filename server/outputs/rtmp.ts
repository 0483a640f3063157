import type { Logger } from 'pino'
import type { Broadcast, Output } from '../broadcast/broadcast.ts'
import { rtmpTargetJob } from '../ffmpeg/jobs.ts'
import { startFfmpegOutput } from './ffmpeg-output.ts'

/** Pushes a broadcast to the RTMP URL `url`, which may hold a key: it is told to nobody. */
export function startRtmpTarget(
  broadcast: Broadcast,
  { name, url, ffmpegPath, log }: { name: string; url: string; ffmpegPath: string; log: Logger },
): Output {
  return startFfmpegOutput(broadcast, { name, ffmpegPath, job: rtmpTargetJob(url), log })
}
