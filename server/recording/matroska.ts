import type { AudioCodec, Tracks, VideoCodec } from '../ffmpeg/job.ts'
import { child, children, ID, numberOf, readElement } from './ebml.ts'
import type { HeaderResult } from './header-result.ts'

const VIDEO_TRACK = 1
const AUDIO_TRACK = 2

/** Codec ids of "Matroska Codec Mappings" (draft-ietf-cellar-codec). */
const VIDEO_CODECS: Record<string, VideoCodec> = {
  'V_MPEG4/ISO/AVC': 'h264',
  V_VP8: 'vp8',
  V_VP9: 'vp9',
  V_AV1: 'av1',
}
const AUDIO_CODECS: Record<string, AudioCodec> = {
  A_OPUS: 'opus',
  A_AAC: 'aac',
  A_VORBIS: 'other',
  'A_PCM/INT/LIT': 'other',
  'A_PCM/FLOAT/IEEE': 'other',
}

/** Reads the tracks of a WebM or Matroska recording (RFC 9559) from its first bytes. */
export function readMatroskaHeader(bytes: Buffer): HeaderResult {
  const ebml = readElement(bytes, 0)
  if (ebml === 'incomplete') return bytes.length >= 4 ? notMatroska(bytes) : { state: 'incomplete' }
  if (ebml === 'invalid' || ebml.id !== ID.ebml) return refused('The recording is no WebM or Matroska file.')
  if (!ebml.whole) return { state: 'incomplete' }
  const docType = child(ebml.data, ID.docType)?.data.toString('latin1').replace(/\0+$/, '')
  if (docType !== 'webm' && docType !== 'matroska') return refused('The recording is no WebM or Matroska file.')
  const segment = readElement(bytes, ebml.end)
  if (segment === 'incomplete') return { state: 'incomplete' }
  if (segment === 'invalid' || segment.id !== ID.segment) return refused('The recording has no Matroska segment.')
  for (let at = 0; ; ) {
    const element = readElement(segment.data, at)
    if (element === 'incomplete') return { state: 'incomplete' }
    if (element === 'invalid' || element.id === ID.cluster)
      return refused('The recording names no tracks before its media.')
    if (!element.whole) return { state: 'incomplete' }
    if (element.id === ID.tracks) return tracksOf(element.data)
    at = element.end
  }
}

/** The first element of a recording is there after 12 bytes; four are enough to see that it is something else. */
function notMatroska(bytes: Buffer): HeaderResult {
  return bytes.readUInt32BE(0) === ID.ebml
    ? { state: 'incomplete' }
    : refused('The recording is no WebM or Matroska file.')
}

function tracksOf(data: Buffer): HeaderResult {
  const tracks: Tracks = { video: null, audio: null }
  for (const entry of children(data)) {
    if (entry.id !== ID.trackEntry) continue
    const type = numberOf(child(entry.data, ID.trackType))
    const codecId = child(entry.data, ID.codecId)?.data.toString('latin1').replace(/\0+$/, '') ?? ''
    if (type === VIDEO_TRACK && tracks.video === null) {
      const codec = VIDEO_CODECS[codecId]
      if (!codec) return refused(`A picture in ${printable(codecId)} is not taken. Record H.264, VP8, VP9 or AV1.`)
      const video = child(entry.data, ID.video)?.data ?? Buffer.alloc(0)
      const width = numberOf(child(video, ID.pixelWidth))
      const height = numberOf(child(video, ID.pixelHeight))
      if (width > 16384 || height > 16384) return refused(`A picture of ${width}×${height} pixels is too large.`)
      const annexB = codec === 'h264' && child(entry.data, ID.codecPrivate) === null
      tracks.video = { codec, width, height, ...(annexB && { annexB }) }
    } else if (type === AUDIO_TRACK && tracks.audio === null) {
      // AAC in Matroska may carry its profile in the name: A_AAC/MPEG4/LC.
      const codec = AUDIO_CODECS[codecId] ?? (codecId.startsWith('A_AAC/') ? 'aac' : undefined)
      if (!codec) return refused(`Sound in ${printable(codecId)} is not taken. Record Opus or AAC.`)
      tracks.audio = { codec }
    }
  }
  return { state: 'complete', tracks }
}

function printable(name: string): string {
  return `"${name.replace(/[^\x20-\x7e]/g, '?').slice(0, 40)}"`
}

function refused(message: string): HeaderResult {
  return { state: 'refused', message }
}
