/** An FFmpeg run as data: what fluent-ffmpeg composes the command line from. */
export interface FfmpegJob {
  /** A URL, a file, or `pipe:0`. */
  input: string
  inputOptions: string[]
  outputOptions: string[]
  /** A URL, a file, or `pipe:1`. */
  output: string
}

/** Codec of a picture that recorders and encoders send. */
export type VideoCodec = 'h264' | 'hevc' | 'vp8' | 'vp9' | 'av1' | 'other'

/** Codec of the sound. */
export type AudioCodec = 'aac' | 'opus' | 'other'

/** The picture of a source. `width` and `height` are those of the upright picture, 0 where the source does not say. */
export interface VideoTrack {
  codec: VideoCodec
  width: number
  height: number
  /** H.264 whose parameter sets are in the pictures alone, and not in the container's header (Annex B, as Chromium writes it). */
  annexB?: true
  /** It is stored lying on its side or upside down, as phones do, and has to be turned: FLV cannot say so. */
  isTurned?: true
  /** H.264 that most players do not show: with more colours than 4:2:0, or more than 8 bits of each. */
  isUnplayable?: true
}

/** The same picture where it is stored turned by so many quarters, and is to be shown upright. */
export function turned(video: VideoTrack, quarters: number): VideoTrack {
  if (quarters % 4 === 0) return video
  const { width, height } = video
  return { ...video, isTurned: true, ...(quarters % 2 !== 0 && { width: height, height: width }) }
}

/** What a source holds. */
export interface Tracks {
  video: VideoTrack | null
  audio: { codec: AudioCodec } | null
}

/** What a transcoder is to aim at. */
export interface TranscodeGoal {
  videoBitsPerSecond: number
  frameRate: number
}
