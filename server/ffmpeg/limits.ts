import { availableParallelism } from 'node:os'
import type { FfmpegUse } from './ffmpegs.ts'
import { areaOf, MAX_PICTURE, type PictureSize } from './picture-size.ts'

/** What one FFmpeg may use. */
export interface FfmpegLimits {
  /** Of its own, not shared with others, in bytes (getrlimit(2), RLIMIT_DATA). */
  memoryBytes: number
  /** Of its decoders and encoders, so processors. */
  threads: number
  /** How much it yields to others where processors are short (nice(1)): what copies comes before what computes. */
  niceness: number
}

const MB = 1024 * 1024

/** One that copies needs 50 MB; with an MP4 it keeps a list of all samples, 100 MB in some hours. */
const COPY_BYTES = 384 * MB
/** One that makes an MP4 of a recording keeps a list of all its samples: some 600 MB for a day. */
const FINISH_BYTES = 2048 * MB
/** Beside what one needs that copies, a transcoder holds pictures: 2160p was seen to need 25 bytes for each pixel, and each thread has some more. */
const BYTES_A_PIXEL = 100
/** Processors that one transcoder is worth: with more it gets faster no more. */
const MAX_THREADS = 4

/** What an FFmpeg with this use may have, for pictures of this size. */
export function limitsOf(use: FfmpegUse, picture: PictureSize | null = null): FfmpegLimits {
  switch (use) {
    case 'transcode':
      return { memoryBytes: decoding(picture), threads: Math.min(MAX_THREADS, availableParallelism()), niceness: 5 }
    case 'picture':
      return { memoryBytes: decoding(null), threads: 1, niceness: 10 }
    case 'finish':
      return { memoryBytes: FINISH_BYTES, threads: 1, niceness: 10 }
    case 'sound':
      return { memoryBytes: COPY_BYTES, threads: 1, niceness: 0 }
    case 'copy':
      return { memoryBytes: COPY_BYTES, threads: 1, niceness: 3 }
  }
}

/** Memory that a transcoder of such pictures was seen to need, in bytes: 100 MB for 720p, 250 MB for 2160p, and half as much again. */
export function needOf(picture: PictureSize | null): number {
  return 96 * MB + pixelsOf(picture) * 40
}

function decoding(picture: PictureSize | null): number {
  return COPY_BYTES + pixelsOf(picture) * BYTES_A_PIXEL
}

/** Pixels of a picture; as many as there may be, where its size is not known. */
function pixelsOf(picture: PictureSize | null): number {
  return (picture && areaOf(picture)) || areaOf(MAX_PICTURE)
}

/** Sets the limits, where the system has them, and becomes FFmpeg. One arena of malloc for each thread would be reserved, and not used. */
const LIMITED = `
ulimit -d "$1" 2>/dev/null
nice=$2
shift 2
export MALLOC_ARENA_MAX=2
exec nice -n "$nice" "$@"
`

/** The program and the arguments before its own that run `path` within a limit of memory. */
export function limited(path: string, { memoryBytes, niceness }: FfmpegLimits): { program: string; before: string[] } {
  if (process.platform === 'win32') return { program: path, before: [] }
  return {
    program: '/bin/sh',
    before: ['-c', LIMITED, 'ffmpeg', `${Math.ceil(memoryBytes / 1024)}`, `${niceness}`, path],
  }
}
