import { access, constants } from 'node:fs/promises'
import { type AudioCodec, type Tracks, turned, type VideoCodec } from '../../ffmpeg/job.ts'
import { lastWords, runFfmpeg } from '../../ffmpeg/run.ts'
import { ExitError } from '../../process/errors.ts'

/** What is known of a file before it is broadcast. */
export interface MediaFile {
  path: string
  tracks: Tracks
  /** Seconds; null where the file does not say. */
  duration: number | null
}

const VIDEO_CODECS: VideoCodec[] = ['h264', 'vp9', 'av1', 'vp8']
const AUDIO_CODECS: AudioCodec[] = ['aac', 'opus']

/**
 * Asks FFmpeg what the file at `path` holds.
 * @throws ExitError `bad_file` where it is not there or holds no media
 */
export async function readMediaFile(path: string, ffmpegPath: string): Promise<MediaFile> {
  await access(path, constants.R_OK).catch(() => {
    throw new ExitError('bad_file', `The file ${path} is not there, or may not be read.`)
  })
  const lines: string[] = []
  const job = {
    input: `file:${path}`,
    inputOptions: [],
    outputOptions: ['-t', '0', '-c', 'copy', '-f', 'null'],
    output: 'pipe:1',
  }
  const run = runFfmpeg(ffmpegPath, job, { onLine: (line) => lines.push(line) }, { loglevel: 'info' })
  const exit = await run.exited
  const input = lines.slice(0, lines.findIndex((line) => line.startsWith('Output #0')) >>> 0)
  const tracks = tracksOf(input)
  if (tracks.video === null && tracks.audio === null) {
    throw new ExitError(
      'bad_file',
      `The file ${path} holds no video and no sound that FFmpeg can read. ${lastWords(exit)}`.trim(),
    )
  }
  return { path, tracks, duration: durationOf(input) }
}

/** FFmpeg's lines for streams: `Stream #0:0[0x1](und): Video: h264 (High) (avc1 / 0x31637661), yuv420p, 1280x720 …`. */
function tracksOf(lines: string[]): Tracks {
  const tracks: Tracks = { video: null, audio: null }
  for (const line of lines) {
    // What is beside a stream stands behind it: `displaymatrix: rotation of -90.00 degrees`.
    const degrees = Number(/displaymatrix: rotation of (-?[\d.]+) degrees/.exec(line)?.[1] ?? 0)
    if (tracks.video && !tracks.video.isTurned) tracks.video = turned(tracks.video, Math.round(degrees / 90))
    const [, kind, codec = ''] = /^\s*Stream #0:\d+.*?: (Video|Audio): (\w+)/.exec(line) ?? []
    if (kind === 'Video' && tracks.video === null && !line.includes('(attached pic)')) {
      const [, width = 0, height = 0] = /, (\d{2,5})x(\d{2,5})/.exec(line) ?? []
      const known = VIDEO_CODECS.find((each) => each === codec)
      tracks.video = { codec: known ?? 'other', width: Number(width), height: Number(height) }
    } else if (kind === 'Audio' && tracks.audio === null) {
      tracks.audio = { codec: AUDIO_CODECS.find((each) => each === codec) ?? 'other' }
    }
  }
  return tracks
}

function durationOf(lines: string[]): number | null {
  for (const line of lines) {
    const [, hours, minutes, seconds] = /^\s*Duration: (\d+):(\d\d):(\d\d\.\d+)/.exec(line) ?? []
    if (hours !== undefined) return Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds)
  }
  return null
}
