import { GatewayError } from '../../shared/errors.ts'
import type { MatroskaTrack } from '../containers/matroska-writer.ts'
import type { AudioCodec, Tracks, VideoCodec, VideoTrack } from '../ffmpeg/job.ts'
import { readAacConfig } from '../flv/aac.ts'
import { firstSps } from '../flv/avc.ts'
import type { Media } from '../flv/media.ts'

/** What is known of a track of an encoder. */
export interface EncoderTrack {
  codec: string
  isEnhanced: boolean
  /** Its parameter sets, as its header has them; null for a codec without. */
  config: Buffer | null
  /** What the encoder says of its size; 0 where it does not. */
  width: number
  height: number
}

/** The tracks of an encoder. */
export interface EncoderTracks {
  video: EncoderTrack | null
  audio: EncoderTrack | null
}

/** What FFmpeg decodes of what encoders send, and what it is called in Matroska; null for what is written as FLV. */
const VIDEO = new Map<string, { codec: VideoCodec; matroska: string | null }>([
  ['h264', { codec: 'h264', matroska: 'V_MPEG4/ISO/AVC' }],
  ['hevc', { codec: 'hevc', matroska: 'V_MPEGH/ISO/HEVC' }],
  ['av1', { codec: 'av1', matroska: 'V_AV1' }],
  ['vp9', { codec: 'vp9', matroska: 'V_VP9' }],
  ['vp8', { codec: 'vp8', matroska: 'V_VP8' }],
  ['flv1', { codec: 'other', matroska: null }],
  ['vp6f', { codec: 'other', matroska: null }],
  ['vp6a', { codec: 'other', matroska: null }],
])
const AUDIO = new Map<string, { codec: AudioCodec; matroska: string | null }>([
  ['aac', { codec: 'aac', matroska: 'A_AAC' }],
  ['opus', { codec: 'opus', matroska: 'A_OPUS' }],
  ['mp3', { codec: 'other', matroska: 'A_MPEG/L3' }],
  ['speex', { codec: 'other', matroska: null }],
])

/** Whether frames of this codec mean nothing without a header before them. */
export function needsHeader({ codec }: Pick<Media, 'codec'>): boolean {
  return codec === 'h264' || codec === 'hevc' || codec === 'av1' || codec === 'aac'
}

/** Whether a picture and sound are as the bus has them. */
export function isNative({ video, audio }: EncoderTracks): boolean {
  return (video === null || isNativeVideo(video)) && (audio === null || audio.codec === 'aac')
}

function isNativeVideo({ codec, config }: EncoderTrack): boolean {
  return codec === 'h264' && !isUnplayable(config)
}

/** Whether what H.264 begins with says more than 4:2:0 in 8 bits. */
function isUnplayable(config: Buffer | null): boolean {
  const sps = config && firstSps(config)
  return sps?.high != null && (sps.high.chromaFormat > 1 || sps.high.lumaDepth > 8 || sps.high.chromaDepth > 8)
}

/**
 * The tracks as FFmpeg's options need them.
 * @throws GatewayError `unsupported_media` for a codec that is not decoded here
 */
export function tracksOf({ video, audio }: EncoderTracks): Tracks {
  return { video: video && videoTrackOf(video), audio: audio && { codec: known(AUDIO, audio).codec } }
}

function videoTrackOf(video: EncoderTrack): VideoTrack {
  const { codec } = known(VIDEO, video)
  const sps = codec === 'h264' && video.config ? firstSps(video.config) : null
  const track = { codec, width: sps?.width ?? video.width, height: sps?.height ?? video.height }
  return codec === 'h264' && isUnplayable(video.config) ? { ...track, isUnplayable: true } : track
}

/**
 * The container in which FFmpeg gets these tracks: FLV, or Matroska for what FLV has no place for, or what FFmpeg reads in it from version 6.1 on.
 * @throws GatewayError `unsupported_media` for tracks that no container of these has
 */
export function containerFor({ video, audio }: EncoderTracks): 'flv' | MatroskaTrack[] {
  const isLegacy = [video, audio].every((track) => track === null || (!track.isEnhanced && FLV_CODECS.has(track.codec)))
  if (isLegacy) return 'flv'
  return [
    ...(video
      ? [
          {
            kind: 'video',
            codecId: inMatroska(VIDEO, video),
            codecPrivate: needsHeader(video) ? video.config : null,
            width: video.width,
            height: video.height,
          } as const,
        ]
      : []),
    ...(audio ? [soundInMatroska(audio)] : []),
  ]
}

/** What FFmpeg reads in FLV, whatever its version. */
const FLV_CODECS = new Set(['h264', 'flv1', 'vp6f', 'vp6a', 'aac', 'mp3', 'speex'])

function soundInMatroska(audio: EncoderTrack): MatroskaTrack {
  const codecId = inMatroska(AUDIO, audio)
  const codecPrivate = audio.config
  if (audio.codec === 'aac' && audio.config) {
    const { sampleRate, channels } = readAacConfig({ body: Buffer.concat([Buffer.alloc(2), audio.config]) }) ?? {}
    return { kind: 'audio', codecId, codecPrivate, ...(sampleRate && channels && { sampleRate, channels }) }
  }
  // OpusHead (RFC 7845, section 5.1) has the channels at byte 9.
  return { kind: 'audio', codecId, codecPrivate, channels: audio.codec === 'opus' ? (audio.config?.[9] ?? 2) : 2 }
}

function inMatroska(codecs: ReadonlyMap<string, { matroska: string | null }>, track: EncoderTrack): string {
  const { matroska } = known(codecs, track)
  if (matroska === null) throw notTaken(track.codec)
  return matroska
}

function known<T>(codecs: ReadonlyMap<string, T>, { codec }: EncoderTrack): T {
  const found = codecs.get(codec)
  if (!found) throw notTaken(codec)
  return found
}

function notTaken(codec: string): GatewayError {
  return new GatewayError(
    'unsupported_media',
    `The encoder sends ${codec}, which is not taken. Set it to H.264 and AAC.`,
  )
}
