import type { RecorderContainer } from '../../shared/recorder-type.ts'
import { aacOptions } from './codecs.ts'
import type { FfmpegJob } from './job.ts'
import { areaOf, type PictureSize } from './picture-size.ts'

const DEMUXERS: Record<RecorderContainer, string> = { matroska: 'matroska', mp4: 'mov' }

/** The decoders that a publisher's media may reach. */
const DECODERS = 'h264,vp8,libvpx,vp9,libvpx-vp9,av1,libdav1d,libaom-av1,aac,opus,libopus,vorbis,pcm_s16le,pcm_f32le'

/** What else an encoder may send over RTMP: HEVC, and Sorenson H.263, VP6, MP3 and Speex, which old encoders have. */
const ENCODER_DECODERS = 'flv,vp6f,vp6a,mp3,mp3float,speex,libspeex,hevc'

/** FLV on standard output. Each packet is written at once; a track that stays silent holds the other one up for so many seconds at most. */
const flvOut = (holdUpSeconds = 1) => [
  ...['-max_interleave_delta', `${holdUpSeconds * 1_000_000}`, '-flvflags', 'no_duration_filesize'],
  ...['-flush_packets', '1', '-f', 'flv'],
]

/**
 * Of a recording that is gone on with, seconds of picture come at once, before the encoder of the sound has given anything; FFmpeg's muxer
 * refuses what is earlier than what it wrote first (flvenc.c, `delay`). FFmpeg 7 encodes in a thread of its own, so that happens there.
 */
const REPLAY_HOLD_UP_SECONDS = 10

/** FLV from the bus. It says in its first tags what it holds, so nothing needs to be probed. */
const FLV_IN = ['-protocol_whitelist', 'pipe', '-f', 'flv', '-probesize', '32', '-analyzeduration', '0']

/**
 * Which part of a recording an FFmpeg gets: all of it, with times of its own; all of it, with the times of the recording, so that another
 * one can go on in the middle; what is left of it, from the middle on; or what comes behind a gap, which need not begin with a keyframe.
 */
export type RecordingRun = 'whole' | 'resumable' | 'resumed' | 'behind-gap'

/**
 * A publisher's recording, which is hostile until shown otherwise: the demuxer is named, never probed, and the only protocol
 * is `pipe`, so nothing in it makes FFmpeg open a file or a connection. Its header has been read, so probing is short.
 */
export function recordingJob(
  container: RecorderContainer,
  codecOptions: string[],
  run: RecordingRun,
  mostPicture: PictureSize,
): FfmpegJob {
  const inputOptions = [
    ...(run === 'whole' ? [] : ['-copyts']),
    ...['-protocol_whitelist', 'pipe', '-codec_whitelist', DECODERS],
    // What the header says of the size is not to be believed.
    ...['-max_pixels', `${areaOf(mostPicture)}`],
    ...['-f', DEMUXERS[container], '-probesize', '32', '-analyzeduration', '0'],
  ]
  const times = run === 'whole' ? [] : ['-avoid_negative_ts', 'disabled']
  if (run === 'behind-gap') times.push('-copyinkf')
  const out = flvOut(run === 'resumed' ? REPLAY_HOLD_UP_SECONDS : 1)
  return { input: 'pipe:0', inputOptions, outputOptions: [...codecOptions, ...times, ...out], output: 'pipe:1' }
}

/**
 * What an encoder publishes to our RTMP server, to be transcoded. Its tracks are known, and FFmpeg looks at their first frames for what else
 * it needs.
 */
export function encoderJob(container: 'flv' | 'matroska', codecOptions: string[], mostPicture: PictureSize): FfmpegJob {
  const inputOptions = [
    ...['-protocol_whitelist', 'pipe', '-codec_whitelist', `${DECODERS},${ENCODER_DECODERS}`],
    ...['-max_pixels', `${areaOf(mostPicture)}`],
    ...['-f', container, '-analyzeduration', '3000000', '-probesize', '20M', '-fpsprobesize', '0'],
  ]
  return { input: 'pipe:0', inputOptions, outputOptions: [...codecOptions, ...flvOut()], output: 'pipe:1' }
}

const A_DAY_US = 24 * 3600 * 1_000_000

/** Files of the gateway's own. */
const FILES_ALONE = ['-protocol_whitelist', 'file']

/** What a recording of the bus holds, for the job that makes an MP4 of it. */
export interface FinishPlan {
  hasPicture: boolean
  hasSound: boolean
  /** Bytes in which all of that begins. */
  probeBytes: number
  /** Whether the sound changes its rate on the way: MP4 has one place for that, so it is made one. */
  soundChanges: boolean
}

/**
 * Makes a recording of the bus an MP4 that can be sought in, with every track that it has. Pictures carry their parameter sets, since those may
 * have changed on the way, and MP4 has one place for them.
 */
export function finishJob(flv: string, mp4: string, plan: FinishPlan): FfmpegJob {
  const inputOptions = [
    ...FILES_ALONE,
    '-f',
    'flv',
    '-probesize',
    `${plan.probeBytes}`,
    '-analyzeduration',
    `${A_DAY_US}`,
  ]
  const picture = plan.hasPicture ? ['-map', '0:v:0', '-c:v', 'copy', '-bsf:v', 'h264_mp4toannexb'] : ['-vn']
  const codec = plan.soundChanges ? aacOptions() : ['-c:a', 'copy']
  const sound = plan.hasSound ? ['-map', '0:a:0', ...codec] : ['-an']
  const outputOptions = ['-progress', 'pipe:2', ...picture, ...sound, '-movflags', '+faststart', '-f', 'mp4']
  return { input: `file:${flv}`, inputOptions, outputOptions, output: `file:${mp4}` }
}

/** Width of poster pictures and thumbnails, in pixels. */
const PICTURE_WIDTH = { poster: 1280, thumbnail: 320 }

/** One picture as JPEG, no larger than it is: into a file, or into a pipe. */
function jpegOptions(use: keyof typeof PICTURE_WIDTH, muxer: 'image2' | 'image2pipe'): string[] {
  const scale = `scale='min(${PICTURE_WIDTH[use]},iw)':-2`
  return ['-an', '-frames:v', '1', '-vf', scale, '-c:v', 'mjpeg', '-q:v', '4', '-f', muxer]
}

/** The picture of an MP4 at `seconds`, as a JPEG file. */
export function posterJob(mp4: string, seconds: number, jpeg: string): FfmpegJob {
  const inputOptions = [...FILES_ALONE, '-f', 'mov', '-ss', `${seconds}`]
  return {
    input: `file:${mp4}`,
    inputOptions,
    outputOptions: [...jpegOptions('poster', 'image2'), '-update', '1'],
    output: jpeg,
  }
}

/** The keyframe that standard input has, as a small JPEG on standard output. */
export function thumbnailJob(): FfmpegJob {
  const outputOptions = jpegOptions('thumbnail', 'image2pipe')
  return { input: 'pipe:0', inputOptions: FLV_IN, outputOptions, output: 'pipe:1' }
}

/** The sound of the bus as Opus in Ogg, one frame of 20 ms in each page, as soon as it is there (RFC 7845). */
export function opusJob(): FfmpegJob {
  const encoder = ['-vn', '-ar', '48000', '-ac', '2', '-c:a', 'libopus', '-b:a', '96k', '-frame_duration', '20']
  const outputOptions = [...encoder, '-page_duration', '20000', '-flush_packets', '1', '-f', 'ogg']
  return { input: 'pipe:0', inputOptions: FLV_IN, outputOptions, output: 'pipe:1' }
}

/** A file of the operator's own, in real time. */
function fileInput(path: string, loop: boolean): Pick<FfmpegJob, 'input' | 'inputOptions'> {
  return { input: `file:${path}`, inputOptions: [...(loop ? ['-stream_loop', '-1'] : []), '-re'] }
}

/** Progress in lines of `key=value` on standard error, twice a second. */
const PROGRESS = ['-progress', 'pipe:2', '-stats_period', '0.5']

/** Publishes a file to an RTMP URL. */
export function pushUrlJob(path: string, loop: boolean, codecOptions: string[], url: string): FfmpegJob {
  const outputOptions = [...PROGRESS, ...codecOptions, '-flvflags', 'no_duration_filesize', '-f', 'flv']
  return { ...fileInput(path, loop), outputOptions, output: url }
}

/** Writes a file as fragments of MP4, which keeps both times of a frame: Matroska would lose those of B-frames. */
export function pushFileJob(path: string, loop: boolean, codecOptions: string[]): FfmpegJob {
  const movflags = 'frag_keyframe+empty_moov+delay_moov+default_base_moof'
  const outputOptions = [...PROGRESS, ...codecOptions, '-movflags', movflags, '-frag_duration', '200000', '-f', 'mp4']
  return { ...fileInput(path, loop), outputOptions, output: 'pipe:1' }
}
