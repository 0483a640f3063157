import { join } from 'node:path'
import type { Logger } from 'pino'
import type { Broadcast, Output } from '../broadcast/broadcast.ts'
import { hlsJob } from '../ffmpeg/jobs.ts'
import { startFfmpegOutput } from './ffmpeg-output.ts'
import { HLS_PLAYLIST_SECONDS, HLS_SEGMENT_SECONDS } from './hls-shape.ts'

/** Writes a broadcast as HLS into `directory`: `NAME.m3u8`, and segments beside it. */
export function startHls(
  broadcast: Broadcast,
  { directory, ffmpegPath, log }: { directory: string; ffmpegPath: string; log: Logger },
): Output {
  const job = hlsJob(join(directory, `${broadcast.name}.m3u8`), join(directory, `${broadcast.name}-%d.ts`), {
    segmentSeconds: HLS_SEGMENT_SECONDS,
    segments: HLS_PLAYLIST_SECONDS / HLS_SEGMENT_SECONDS,
  })
  return startFfmpegOutput(broadcast, { name: 'hls', isTarget: false, ffmpegPath, job, log })
}
