import type { AudioCodec, Tracks, VideoCodec } from '../ffmpeg/job.ts'
import type { HeaderResult } from './header-result.ts'

/** Element ids of RFC 8794 (EBML) and RFC 9559 (Matroska), with their length markers. */
const ID = {
  ebml: 0x1a45dfa3,
  docType: 0x4282,
  segment: 0x18538067,
  cluster: 0x1f43b675,
  tracks: 0x1654ae6b,
  trackEntry: 0xae,
  trackType: 0x83,
  codecId: 0x86,
  codecPrivate: 0x63a2,
  video: 0xe0,
  pixelWidth: 0xb0,
  pixelHeight: 0xba,
} as const

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

interface Element {
  id: number
  /** Its data as far as it is here. */
  data: Buffer
  /** Whether all of its data is here; false for an element of unknown size. */
  whole: boolean
  /** Offset behind it, in the bytes that it was read from. */
  end: number
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

function child(data: Buffer, id: number): Element | null {
  for (const element of children(data)) if (element.id === id) return element
  return null
}

function* children(data: Buffer): Generator<Element, void, undefined> {
  for (let at = 0; at < data.length; ) {
    const element = readElement(data, at)
    if (element === 'incomplete' || element === 'invalid') return
    yield element
    at = element.end
  }
}

function numberOf(element: Element | null): number {
  const data = element?.data ?? Buffer.alloc(0)
  return data.length > 0 && data.length <= 6 ? data.readUIntBE(0, data.length) : 0
}

/** Reads id, size and data of the element at `at` (RFC 8794, sections 4 to 6). */
function readElement(bytes: Buffer, at: number): Element | 'incomplete' | 'invalid' {
  const first = bytes[at]
  if (first === undefined) return 'incomplete'
  const idLength = Math.clz32(first) - 23
  if (idLength > 4) return 'invalid'
  const sizeAt = at + idLength
  const sizeFirst = bytes[sizeAt]
  if (sizeFirst === undefined) return 'incomplete'
  const sizeLength = Math.clz32(sizeFirst) - 23
  if (sizeLength > 8) return 'invalid'
  const dataAt = sizeAt + sizeLength
  if (bytes.length < dataAt) return 'incomplete'
  let size = sizeFirst & (0xff >> sizeLength)
  let unknown = size === 0xff >> sizeLength
  for (let i = sizeAt + 1; i < dataAt; i++) {
    const byte = bytes.readUInt8(i)
    size = size * 256 + byte
    unknown &&= byte === 0xff
  }
  const end = unknown ? Number.POSITIVE_INFINITY : dataAt + size
  return {
    id: bytes.readUIntBE(at, idLength),
    data: bytes.subarray(dataAt, Math.min(end, bytes.length)),
    whole: end <= bytes.length,
    end,
  }
}

function printable(name: string): string {
  return `"${name.replace(/[^\x20-\x7e]/g, '?').slice(0, 40)}"`
}

function refused(message: string): HeaderResult {
  return { state: 'refused', message }
}
