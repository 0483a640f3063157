import type { AudioCodec, Tracks, VideoCodec } from '../ffmpeg/job.ts'
import { checkSound, MAX_TRACKS, quoted, unsupported } from './bounds.ts'
import { child, children, dataOf, floatIn, ID, numberIn, textIn } from './ebml.ts'

const VIDEO_TRACK = 1
const AUDIO_TRACK = 2

/** A block's header is read as far as a number of one byte goes (RFC 9559, 10.1). */
const MAX_TRACK_NUMBER = 126

/** Codec ids of "Matroska Codec Mappings" (draft-ietf-cellar-codec). */
const VIDEO_CODECS = new Map<string, VideoCodec>([
  ['V_MPEG4/ISO/AVC', 'h264'],
  ['V_VP8', 'vp8'],
  ['V_VP9', 'vp9'],
  ['V_AV1', 'av1'],
])
const AUDIO_CODECS = new Map<string, AudioCodec>([
  ['A_OPUS', 'opus'],
  ['A_AAC', 'aac'],
  ['A_VORBIS', 'other'],
  ['A_PCM/INT/LIT', 'other'],
  ['A_PCM/FLOAT/IEEE', 'other'],
])

/** The tracks of a Matroska recording: the first with a picture and the first with sound, and their numbers. */
export interface MatroskaTracks {
  tracks: Tracks
  video: number | null
  audio: number | null
}

/**
 * Reads the data of a Tracks element (RFC 9559, 5.1.4).
 * @throws GatewayError where it has what is not taken
 */
export function readMatroskaTracks(data: Buffer): MatroskaTracks {
  const found: MatroskaTracks = { tracks: { video: null, audio: null }, video: null, audio: null }
  let count = 0
  for (const element of children(data)) {
    if (element.id !== ID.trackEntry) continue
    if (++count > MAX_TRACKS) throw unsupported(`The recording has more than ${MAX_TRACKS} tracks.`)
    const entry = dataOf(data, element)
    const number = numberIn(child(entry, ID.trackNumber))
    if (number > MAX_TRACK_NUMBER) throw unsupported(`A track has number ${number}; recorders count from 1.`)
    if (child(entry, ID.contentEncodings)) throw unsupported('A track is compressed or encrypted, which is not taken.')
    const scale = child(entry, ID.trackTimestampScale)
    if (scale && floatIn(scale) !== 1) throw unsupported('A track counts time in a way of its own, which is not taken.')
    const type = numberIn(child(entry, ID.trackType))
    if (type === VIDEO_TRACK && found.video === null) {
      found.tracks.video = videoOf(entry)
      found.video = number
    } else if (type === AUDIO_TRACK && found.audio === null) {
      found.tracks.audio = audioOf(entry)
      found.audio = number
    }
  }
  return found
}

function videoOf(entry: Buffer): Tracks['video'] {
  const codecId = textIn(child(entry, ID.codecId))
  const codec = VIDEO_CODECS.get(codecId)
  if (!codec) throw unsupported(`A picture in ${quoted(codecId)} is not taken. Record H.264, VP8, VP9 or AV1.`)
  const video = child(entry, ID.video) ?? Buffer.alloc(0)
  const [width, height] = [numberIn(child(video, ID.pixelWidth)), numberIn(child(video, ID.pixelHeight))]
  const annexB = codec === 'h264' && child(entry, ID.codecPrivate) === null
  return { codec, width, height, ...(annexB && { annexB }) }
}

function audioOf(entry: Buffer): Tracks['audio'] {
  const codecId = textIn(child(entry, ID.codecId))
  // AAC in Matroska may carry its profile in the name: A_AAC/MPEG4/LC.
  const codec = AUDIO_CODECS.get(codecId) ?? (codecId.startsWith('A_AAC/') ? 'aac' : undefined)
  if (!codec) throw unsupported(`Sound in ${quoted(codecId)} is not taken. Record Opus or AAC.`)
  const audio = child(entry, ID.audio) ?? Buffer.alloc(0)
  checkSound(floatIn(child(audio, ID.samplingFrequency)), numberIn(child(audio, ID.channels)))
  return { codec }
}
