import { KEYFRAME_INTERVAL_MS } from '../../shared/limits.ts'
import type { AudioStatus, VideoStatus } from '../../shared/status.ts'
import type { Tracks, TranscodeGoal } from './job.ts'

/** Frames a second where the publisher does not say. */
export const DEFAULT_FRAME_RATE = 30
const MAX_FRAME_RATE = 60
const MIN_VIDEO_BITS = 200_000
const MAX_VIDEO_BITS = 12_000_000
const AUDIO_BITS = 128_000
const AUDIO_RATE = 48_000
/** Pixels of the picture that a bitrate is chosen for, where nothing says how large it is. */
const USUAL_SIZE = { width: 1280, height: 720 }

/**
 * Where sound comes before the first picture, FFmpeg has not seen the parameter sets of Annex B when it writes the file header; this
 * makes it write them when they come.
 */
const LATE_PARAMETER_SETS = ['-bsf:v', 'extract_extradata']

/** What is done with each track, for people and for the command line. */
export interface CodecPlan {
  video: VideoStatus | null
  audio: AudioStatus
  outputOptions: string[]
}

/**
 * Decides what is copied and what is transcoded on the way to FLV, which holds H.264 and AAC: those are copied, the rest
 * becomes them.
 */
export function planCodecs(tracks: Tracks, goal: Partial<TranscodeGoal> = {}): CodecPlan {
  const { video, audio } = tracks
  // A transcoder turns the picture by itself (FFmpeg: `-autorotate`).
  const videoAction = video?.codec === 'h264' && !video.isTurned && !video.isUnplayable ? 'copy' : 'transcode'
  const audioAction = audio === null ? 'silence' : audio.codec === 'aac' ? 'copy' : 'transcode'
  const outputOptions: string[] = []
  if (video === null) outputOptions.push('-vn')
  else if (videoAction === 'copy')
    outputOptions.push('-map', '0:v:0', '-c:v', 'copy', ...(video.annexB ? LATE_PARAMETER_SETS : []))
  else outputOptions.push('-map', '0:v:0', ...h264Options(video, goal))
  if (audio === null) outputOptions.push('-an')
  else if (audioAction === 'copy') outputOptions.push('-map', '0:a:0', '-c:a', 'copy')
  else outputOptions.push('-map', '0:a:0', ...aacOptions())
  return {
    video: video && { codec: video.codec, width: video.width, height: video.height, action: videoAction },
    audio: { codec: audio?.codec ?? 'none', action: audioAction },
    outputOptions,
  }
}

/**
 * H.264 at a constant frame rate, with a keyframe every 2 s (FFmpeg: libx264, `-g`; a rate that is bounded takes `-maxrate`
 * and `-bufsize` together).
 */
function h264Options(size: { width: number; height: number }, goal: Partial<TranscodeGoal>): string[] {
  const rate = Math.min(MAX_FRAME_RATE, Math.max(1, Math.round(goal.frameRate ?? DEFAULT_FRAME_RATE)))
  const isKnown = size.width > 0 && size.height > 0
  const { width, height } = isKnown ? { width: even(size.width), height: even(size.height) } : USUAL_SIZE
  const wanted = goal.videoBitsPerSecond ?? Math.round(width * height * rate * 0.09)
  const bits = Math.min(MAX_VIDEO_BITS, Math.max(MIN_VIDEO_BITS, wanted))
  const keyframeEvery = Math.round((rate * KEYFRAME_INTERVAL_MS) / 1000)
  const filters = [evenFrames(rate), isKnown ? fitInto(width, height) : OWN_SIZE, 'format=yuv420p'].join(',')
  return [
    ...['-vf', filters, '-fps_mode', 'cfr', '-r', String(rate)],
    ...['-c:v', 'libx264', '-preset', 'veryfast', '-tune', 'zerolatency', '-pix_fmt', 'yuv420p'],
    ...['-g', String(keyframeEvery), '-keyint_min', String(keyframeEvery), '-sc_threshold', '0'],
    ...['-b:v', String(bits), '-maxrate', String(bits), '-bufsize', String(bits)],
  ]
}

/**
 * A constant frame rate drops a frame where two fall into one slot, which the uneven times of a recorder bring about all the
 * time. So a frame moves on to the next free slot, up to three slots late; only what comes faster than that is dropped.
 */
function evenFrames(rate: number): string {
  const slot = `round(T*${rate})`
  return `settb=1/${rate},setpts='if(isnan(PREV_OUTPTS),${slot},if(gt(PREV_OUTPTS+1-${slot},3),${slot},max(PREV_OUTPTS+1,${slot})))'`
}

/** The size that the first picture has, where nothing says so before; x264 wants even ones. */
const OWN_SIZE = 'scale=trunc(iw/2)*2:trunc(ih/2)*2,setsar=1'

/** Keeps the size that the epoch began with when a recording changes its own: scaled, with black bars where needed. */
function fitInto(width: number, height: number): string {
  return `scale=${width}:${height}:force_original_aspect_ratio=decrease,pad=${width}:${height}:-1:-1,setsar=1`
}

/** AAC of one shape, so that a new epoch does not change it: 48 kHz, stereo. Gaps in the sound are filled. */
export function aacOptions(): string[] {
  return ['-af', 'aresample=async=1', '-c:a', 'aac', '-b:a', String(AUDIO_BITS), '-ar', String(AUDIO_RATE), '-ac', '2']
}

function even(pixels: number): number {
  return Math.max(2, Math.floor(pixels / 2) * 2)
}
