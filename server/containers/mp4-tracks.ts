import { type AudioCodec, type Tracks, turned, type VideoCodec, type VideoTrack } from '../ffmpeg/job.ts'
import { checkSound, MAX_SAMPLES, MAX_TRACKS, quoted, unsupported } from './bounds.ts'
import { boxes, find } from './boxes.ts'
import type { TrackKind } from './scanner.ts'

/** Sample entries of ISO/IEC 14496-12 and its companions. */
const VIDEO_CODECS = new Map<string, VideoCodec>([
  ['avc1', 'h264'],
  ['avc3', 'h264'],
  ['vp08', 'vp8'],
  ['vp09', 'vp9'],
  ['av01', 'av1'],
])
const AUDIO_CODECS = new Map<string, AudioCodec>([
  ['mp4a', 'aac'],
  ['Opus', 'opus'],
])

/** Flag of a data entry: the media is in this very file (ISO/IEC 14496-12, 8.7.2.1). */
const SELF_CONTAINED = 1

/** Longest wait of a track's first sample, in s: what an edit list (8.6.6) may put before it. */
const MAX_EMPTY_EDIT_S = 10
const MAX_EDITS = 8

/** What says how many samples a track has, and how long they last. */
const TABLES = ['stsz', 'stts', 'elst']

/** A track whose fragments are looked at. */
export interface Mp4Track {
  id: number
  kind: TrackKind
  /** Units a second. */
  timescale: number
  /** What samples have that say nothing of their own (`trex`, 8.8.3). */
  defaults: { duration: number; size: number; flags: number }
}

/**
 * Reads the data of a `moov` (ISO/IEC 14496-12, 8.2): the first track with a picture and the first with sound.
 * @throws GatewayError where it has what is not taken
 * @throws RangeError where a box is too short for what it must have
 */
export function readMp4Tracks(moov: Buffer): { tracks: Tracks; layout: Mp4Track[] } {
  const tracks: Tracks = { video: null, audio: null }
  const layout: Mp4Track[] = []
  let count = 0
  let movieScale = 1
  for (const box of boxes(moov)) {
    // Two times come before the field: of 4 bytes each, or of 8 in version 1 (8.2.2).
    if (box.type === 'mvhd') movieScale = Math.max(1, box.data.readUInt32BE(box.data[0] === 1 ? 20 : 12))
    if (box.type !== 'trak') continue
    if (++count > MAX_TRACKS) throw unsupported(`The recording has more than ${MAX_TRACKS} tracks.`)
    const handler = find(box.data, ['mdia', 'hdlr'])?.toString('latin1', 8, 12)
    const kind = handler === 'vide' ? 'video' : handler === 'soun' ? 'audio' : null
    if (kind === null) continue
    checkReferences(find(box.data, ['mdia', 'minf', 'dinf', 'dref']))
    checkEdits(find(box.data, ['edts', 'elst']), movieScale)
    const timescale = timescaleOf(box.data)
    checkTables(find(box.data, ['mdia', 'minf', 'stbl']), timescale)
    if (tracks[kind] !== null) continue
    const entry = firstEntry(find(box.data, ['mdia', 'minf', 'stbl', 'stsd']))
    if (kind === 'video') tracks.video = turned(videoOf(entry), quarterTurnsOf(box.data))
    else tracks.audio = audioOf(entry)
    const id = idOf(box.data)
    layout.push({ id, kind, timescale, defaults: defaultsOf(moov, id) })
  }
  // FFmpeg takes tracks and tables wherever it may find boxes.
  for (const name of ['trak', ...TABLES]) {
    if (occurrences(moov, name) > count)
      throw unsupported('The header of the recording has a box twice, or where it does not belong.')
  }
  return { tracks, layout }
}

function occurrences(bytes: Buffer, name: string): number {
  let count = 0
  for (let at = bytes.indexOf(name); at >= 0; at = bytes.indexOf(name, at + 1)) count++
  return count
}

function idOf(trak: Buffer): number {
  const tkhd = find(trak, ['tkhd'])
  if (!tkhd) throw unsupported('A track of the recording has no header.')
  return tkhd.readUInt32BE(tkhd[0] === 1 ? 20 : 12)
}

/** By how many quarters of a turn the picture is to be shown turned, as the matrix of the track header says (8.3.2; 16.16 numbers). */
function quarterTurnsOf(trak: Buffer): number {
  const tkhd = find(trak, ['tkhd'])
  if (!tkhd) return 0
  const at = tkhd[0] === 1 ? 52 : 40
  const [a, b] = [tkhd.readInt32BE(at), tkhd.readInt32BE(at + 4)]
  return (Math.round(Math.atan2(b, a) / (Math.PI / 2)) + 4) % 4
}

function timescaleOf(trak: Buffer): number {
  const mdhd = find(trak, ['mdia', 'mdhd'])
  if (!mdhd) throw unsupported('A track of the recording does not say how it counts time.')
  return Math.max(1, mdhd.readUInt32BE(mdhd[0] === 1 ? 20 : 12))
}

function firstEntry(stsd: Buffer | null): { type: string; data: Buffer } {
  for (const entry of stsd ? boxes(stsd.subarray(8)) : []) return entry
  throw unsupported('A track of the recording does not say what it holds.')
}

function videoOf({ type, data }: { type: string; data: Buffer }): VideoTrack {
  const codec = VIDEO_CODECS.get(type)
  if (!codec) throw unsupported(`A picture in ${quoted(type)} is not taken. Record H.264, VP8, VP9 or AV1.`)
  // VisualSampleEntry, 12.1.3.2: width and height follow 24 bytes of other fields.
  return { codec, width: data.readUInt16BE(24), height: data.readUInt16BE(26) }
}

function audioOf({ type, data }: { type: string; data: Buffer }): Tracks['audio'] {
  const codec = AUDIO_CODECS.get(type)
  if (!codec) throw unsupported(`Sound in ${quoted(type)} is not taken. Record Opus or AAC.`)
  // AudioSampleEntry, 12.2.3.2: the rate is a 16.16 number.
  checkSound(data.readUInt16BE(24), data.readUInt16BE(16))
  return { codec }
}

function defaultsOf(moov: Buffer, id: number): Mp4Track['defaults'] {
  for (const { type, data } of boxes(find(moov, ['mvex']) ?? Buffer.alloc(0))) {
    if (type !== 'trex' || data.readUInt32BE(4) !== id) continue
    return { duration: data.readUInt32BE(12), size: data.readUInt32BE(16), flags: data.readUInt32BE(20) }
  }
  return { duration: 0, size: 0, flags: 0 }
}

/** Whether a data reference box (8.7.2) has an entry that is not this file. */
function checkReferences(dref: Buffer | null): void {
  for (const entry of dref ? boxes(dref.subarray(8)) : []) {
    const isUrl = entry.type === 'url ' && entry.data.length >= 4
    if (isUrl && (entry.data.readUInt32BE(0) & SELF_CONTAINED) !== 0) continue
    throw unsupported('The recording takes its media from another file, which is not allowed.')
  }
}

/** An edit list may say that a track begins hours later: a transcoder would fill them. */
function checkEdits(elst: Buffer | null, movieScale: number): void {
  if (!elst) return
  const isLong = elst[0] === 1
  const count = elst.readUInt32BE(4)
  if (count > MAX_EDITS) throw unsupported(`A track of the recording has more than ${MAX_EDITS} edits.`)
  for (let i = 0; i < count; i++) {
    const at = 8 + i * (isLong ? 20 : 12)
    const duration = isLong ? Number(elst.readBigUInt64BE(at)) : elst.readUInt32BE(at)
    const isEmpty = (isLong ? elst.readBigInt64BE(at + 8) : elst.readInt32BE(at + 4)) < 0
    if (isEmpty && duration / movieScale > MAX_EMPTY_EDIT_S) {
      throw unsupported(`A track of the recording begins more than ${MAX_EMPTY_EDIT_S} s late.`)
    }
  }
}

/** The tables of samples (8.6.1.2, 8.7.3) are empty where all media is in fragments; some muxers have the first one here. */
function checkTables(stbl: Buffer | null, timescale: number): void {
  if (!stbl) return
  if (find(stbl, ['stz2'])) throw notFragmented()
  const sizes = find(stbl, ['stsz'])
  if (sizes && sizes.readUInt32BE(8) > MAX_SAMPLES) {
    throw notFragmented()
  }
  const times = find(stbl, ['stts'])
  for (let i = 0; times && i < times.readUInt32BE(4); i++) {
    const [count, duration] = [times.readUInt32BE(8 + i * 8), times.readUInt32BE(12 + i * 8)]
    if (count > MAX_SAMPLES || duration / timescale > MAX_EMPTY_EDIT_S) {
      throw unsupported('The recording has a picture, or a piece of sound, that lasts longer than any recorder writes.')
    }
  }
}

function notFragmented(): Error {
  return unsupported('The recording is not fragmented. Use a fragmented MP4, as recorders write it.')
}
