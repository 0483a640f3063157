import { rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Ffmpegs } from '../ffmpeg/ffmpegs.ts'
import type { FfmpegJob } from '../ffmpeg/job.ts'
import { finishJob, posterJob } from '../ffmpeg/jobs.ts'
import { hasCode } from '../process/errors.ts'
import { settle } from './disk.ts'
import { FILES } from './entry.ts'
import { tracksOfMp4 } from './mp4-tracks.ts'
import { survey } from './survey.ts'

/** A recording that can be sought in. */
export interface Finished {
  seconds: number
  bytes: number
  poster: boolean
}

/** What FFmpeg looks at behind the first picture and the first sound, to know them. */
const PROBE_BYTES = 5_000_000

/** Where the poster is taken from: not the very first picture, which is often dark. */
const POSTER_S = 3

/**
 * Makes the FLV in `directory`, of `stream`, an MP4 with its index in front, and a poster. The FLV goes away when that is done. A run that was
 * interrupted, by `signal` or a crash, can be done again.
 * @throws Error with FFmpeg's words
 */
export async function finish(
  directory: string,
  stream: string,
  { ffmpegs, signal }: { ffmpegs: Ffmpegs; signal: AbortSignal },
): Promise<Finished> {
  const [flv, mp4, poster] = [join(directory, FILES.flv), join(directory, FILES.mp4), join(directory, FILES.poster)]
  const part = `${mp4}.part`
  let seconds = 0
  const size = await sizeOf(flv)
  try {
    const found = await survey(flv, signal)
    const { hasPicture, hasSound, soundChanges } = found
    const probeBytes = PROBE_BYTES + Math.max(found.pictureAt, found.soundAt)
    await run(finishJob(flv, part, { hasPicture, hasSound, soundChanges, probeBytes }), (line) => {
      const [, us] = /^out_time_us=(\d+)/.exec(line) ?? []
      if (us !== undefined) seconds = Number(us) / 1e6
    })
    // The FLV goes away below: the MP4 must be on the disk by then, and not in a cache, with all that the FLV has.
    await settle(part)
    const kept = await tracksOfMp4(part)
    if (hasPicture && !kept.includes('vide')) throw new Error('the MP4 has no picture, and the recording has one')
    if (hasSound && !kept.includes('soun')) throw new Error('the MP4 has no sound, and the recording has some')
    if ((await sizeOf(flv)) !== size) throw new Error('another program writes to it')
    await rename(part, mp4)
    await settle(directory)
  } catch (error) {
    await rm(part, { force: true })
    throw error
  }
  // Sound alone has none.
  await run(posterJob(mp4, Math.min(POSTER_S, seconds / 2), poster)).catch(() => rm(poster, { force: true }))
  await rm(flv, { force: true })
  return { seconds, ...(await finishedFiles(directory)) }

  async function run(job: FfmpegJob, onLine = (_: string) => {}): Promise<void> {
    const started = await ffmpegs.run(job, { use: 'finish', stream, name: null }, { onLine })
    const kill = () => started.kill('SIGKILL')
    signal.addEventListener('abort', kill)
    if (signal.aborted) kill()
    try {
      const exit = await started.exited
      if (exit.kind !== 'exited' || exit.code !== 0) throw new Error(exit.message)
    } finally {
      signal.removeEventListener('abort', kill)
    }
  }
}

/** What is there of a recording whose MP4 is made. */
export async function finishedFiles(directory: string): Promise<Pick<Finished, 'bytes' | 'poster'>> {
  const [bytes, poster] = await Promise.all([FILES.mp4, FILES.poster].map((file) => sizeOf(join(directory, file))))
  return { bytes: bytes ?? 0, poster: (poster ?? 0) > 0 }
}

/**
 * The size of a file in bytes, or null where there is none.
 * @throws Error where the disk does not tell
 */
export async function sizeOf(path: string): Promise<number | null> {
  try {
    return (await stat(path)).size
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return null
    throw error
  }
}
