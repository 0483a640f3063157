import type { AudioCodec, Tracks, VideoCodec } from '../ffmpeg/job.ts'
import { BOX_HEADER_BYTES, boxes, find, readBox } from './boxes.ts'
import type { HeaderResult } from './header-result.ts'

/** Sample entries of ISO/IEC 14496-12 and its companions. */
const VIDEO_CODECS: Record<string, VideoCodec> = { avc1: 'h264', avc3: 'h264', vp08: 'vp8', vp09: 'vp9', av01: 'av1' }
const AUDIO_CODECS: Record<string, AudioCodec> = { mp4a: 'aac', Opus: 'opus' }

/** Flag of a data entry: the media is in this very file (ISO/IEC 14496-12, 8.7.2.1). */
const SELF_CONTAINED = 1
/**
 * Reads the tracks of a fragmented MP4 recording (ISO/IEC 14496-12) from its first bytes. One that has its media before its
 * `moov`, or takes media from another file, is refused.
 */
export function readMp4Header(bytes: Buffer): HeaderResult {
  for (let at = 0; ; ) {
    const box = readBox(bytes, at)
    if (at === 0 && !startsLikeMp4(bytes)) return refused('The recording is no MP4 file.')
    if (box === 'incomplete') return { state: 'incomplete' }
    if (box === 'invalid') return refused('The recording is no MP4 file, or a damaged one.')
    if (box.type === 'mdat' || box.type === 'moof') {
      return refused('The recording has its media before its header. Use a fragmented MP4, as recorders write it.')
    }
    if (!box.whole) return { state: 'incomplete' }
    if (box.type === 'moov') return tracksOf(box.data)
    at = box.end
  }
}

function startsLikeMp4(bytes: Buffer): boolean {
  return bytes.length < BOX_HEADER_BYTES || bytes.toString('latin1', 4, 8) === 'ftyp'
}

function tracksOf(moov: Buffer): HeaderResult {
  const tracks: Tracks = { video: null, audio: null }
  for (const trak of boxes(moov)) {
    if (trak.type !== 'trak') continue
    const handler = find(trak.data, ['mdia', 'hdlr'])?.toString('latin1', 8, 12)
    if (handler !== 'vide' && handler !== 'soun') continue
    if (refersElsewhere(find(trak.data, ['mdia', 'minf', 'dinf', 'dref']))) {
      return refused('The recording takes its media from another file, which is not allowed.')
    }
    const stsd = find(trak.data, ['mdia', 'minf', 'stbl', 'stsd'])
    const [entry] = stsd ? [...boxes(stsd.subarray(8))] : []
    if (!entry) return refused('A track of the recording does not say what it holds.')
    if (handler === 'vide' && tracks.video === null) {
      const codec = VIDEO_CODECS[entry.type]
      if (!codec) return refused(`A picture in ${printable(entry.type)} is not taken. Record H.264, VP8, VP9 or AV1.`)
      // VisualSampleEntry, 12.1.3.2: width and height follow 24 bytes of other fields.
      const sized = entry.data.length >= 28
      const [width, height] = sized ? [entry.data.readUInt16BE(24), entry.data.readUInt16BE(26)] : [0, 0]
      tracks.video = { codec, width, height }
    } else if (handler === 'soun' && tracks.audio === null) {
      const codec = AUDIO_CODECS[entry.type]
      if (!codec) return refused(`Sound in ${printable(entry.type)} is not taken. Record Opus or AAC.`)
      tracks.audio = { codec }
    }
  }
  return { state: 'complete', tracks }
}

/** Whether a data reference box (8.7.2) has an entry that is not this file. */
function refersElsewhere(dref: Buffer | null): boolean {
  if (dref === null) return false
  for (const entry of boxes(dref.subarray(8))) {
    if (entry.type !== 'url ' || entry.data.length < 4) return true
    if ((entry.data.readUInt32BE(0) & SELF_CONTAINED) === 0) return true
  }
  return false
}

function printable(name: string): string {
  return `"${name.replace(/[^\x20-\x7e]/g, '?')}"`
}

function refused(message: string): HeaderResult {
  return { state: 'refused', message }
}
