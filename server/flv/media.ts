import { AAC_PACKET_HEADER_BYTES } from './aac.ts'
import { AVC_PACKET_HEADER_BYTES } from './avc.ts'
import { AAC, AVC, TAG_TYPE, type Tag } from './tag.ts'

/** What a tag is to whoever reads its codec. `other`: something that is no picture and no sound, such as colours. */
export type MediaKind = 'header' | 'keyframe' | 'frame' | 'end' | 'other'

/** A tag taken apart: of FLV (annex E.4.2 and E.4.3), or of enhanced RTMP (version 2, "Enhanced Video" and "Enhanced Audio"). */
export interface Media {
  track: 'audio' | 'video'
  /** As FFmpeg calls it: `h264`, `hevc`, `flv1`, `aac`, `mp3`; a number, or a FourCC, for one that is not known. */
  codec: string
  /** Whether it is written as enhanced RTMP writes it, which FFmpeg reads from version 6.1 on. */
  isEnhanced: boolean
  kind: MediaKind
  /** How much later than its time a picture is shown, in ms; 0 for others. */
  composition: number
  /** What the codec gets: parameter sets of a header, or a frame. */
  data: Buffer
}

const VIDEO_CODECS = new Map([
  [2, 'flv1'],
  [3, 'flashsv'],
  [4, 'vp6f'],
  [5, 'vp6a'],
  [6, 'flashsv2'],
  [AVC, 'h264'],
  // Not in the specification; what encoders in China send.
  [12, 'hevc'],
  [13, 'av1'],
])

const AUDIO_CODECS = new Map([
  [0, 'pcm'],
  [1, 'adpcm'],
  [2, 'mp3'],
  [3, 'pcm_s16le'],
  [4, 'nellymoser'],
  [5, 'nellymoser'],
  [6, 'nellymoser'],
  [7, 'pcm_alaw'],
  [8, 'pcm_mulaw'],
  [AAC, 'aac'],
  [11, 'speex'],
  [14, 'mp3'],
])

const FOUR_CC = new Map([
  ['avc1', 'h264'],
  ['hvc1', 'hevc'],
  ['av01', 'av1'],
  ['vp09', 'vp9'],
  ['vp08', 'vp8'],
  ['mp4a', 'aac'],
  ['Opus', 'opus'],
  ['.mp3', 'mp3'],
  ['fLaC', 'flac'],
  ['ac-3', 'ac3'],
  ['ec-3', 'eac3'],
])

/** The sound format that says: enhanced. */
const EX_AUDIO = 9
const FOUR_CC_BYTES = 4

/** Takes a picture or a piece of sound apart; null for one that is empty or cut off, and for metadata. */
export function readMedia({ type, body }: Tag): Media | null {
  const [first] = body
  if (first === undefined) return null
  if (type === TAG_TYPE.video) return (first & 0x80) !== 0 ? enhanced('video', first, body) : video(first, body)
  if (type === TAG_TYPE.audio) return first >> 4 === EX_AUDIO ? enhanced('audio', first, body) : audio(first, body)
  return null
}

/** The same tag as FLV writes it, for H.264 and AAC that came as enhanced RTMP writes them. */
export function plainTag(tag: Tag, media: Media): Tag {
  if (!media.isEnhanced || (media.codec !== 'h264' && media.codec !== 'aac')) return tag
  if (media.track === 'audio') {
    return { ...tag, body: Buffer.concat([Buffer.from([0xaf, media.kind === 'header' ? 0 : 1]), media.data]) }
  }
  const head = Buffer.alloc(AVC_PACKET_HEADER_BYTES)
  head[0] = (media.kind === 'frame' ? 0x20 : 0x10) | AVC
  head[1] = media.kind === 'header' ? 0 : media.kind === 'end' ? 2 : 1
  head.writeIntBE(media.composition, 2, 3)
  return { ...tag, body: Buffer.concat([head, media.data]) }
}

function video(first: number, body: Buffer): Media | null {
  const codec = VIDEO_CODECS.get(first & 0x0f) ?? `codec ${first & 0x0f}`
  const kind = frameKind(first >> 4)
  const plain = { track: 'video', codec, isEnhanced: false } as const
  if (!hasPackets(codec)) return { ...plain, kind, composition: 0, data: body.subarray(1) }
  if (body.length < AVC_PACKET_HEADER_BYTES) return null
  const data = body.subarray(AVC_PACKET_HEADER_BYTES)
  switch (body[1]) {
    case 0:
      return { ...plain, kind: 'header', composition: 0, data }
    case 1:
      // A picture without bytes is none: an encoder that has nothing to say writes one.
      return { ...plain, kind: data.length === 0 ? 'other' : kind, composition: body.readIntBE(2, 3), data }
    case 2:
      return { ...plain, kind: 'end', composition: 0, data }
    default:
      return { ...plain, kind: 'other', composition: 0, data }
  }
}

/** Whether the tags of a codec are as those of H.264: with a type of packet, and a time of composition. */
function hasPackets(codec: string): boolean {
  return codec === 'h264' || codec === 'hevc' || codec === 'av1'
}

function audio(first: number, body: Buffer): Media | null {
  const codec = AUDIO_CODECS.get(first >> 4) ?? `codec ${first >> 4}`
  const plain = { track: 'audio', codec, isEnhanced: false, composition: 0 } as const
  if (codec !== 'aac') return body.length < 2 ? null : { ...plain, kind: 'frame', data: body.subarray(1) }
  if (body.length < AAC_PACKET_HEADER_BYTES) return null
  const data = body.subarray(AAC_PACKET_HEADER_BYTES)
  const kind = body[1] === 0 ? 'header' : body[1] === 1 && data.length > 0 ? 'frame' : 'other'
  return { ...plain, kind, data }
}

function enhanced(track: Media['track'], first: number, body: Buffer): Media | null {
  if (body.length < 1 + FOUR_CC_BYTES) return null
  const fourCc = body.toString('latin1', 1, 1 + FOUR_CC_BYTES)
  const codec = FOUR_CC.get(fourCc) ?? printable(fourCc)
  const data = body.subarray(1 + FOUR_CC_BYTES)
  const media = { track, codec, isEnhanced: true, composition: 0, data }
  const kind = track === 'audio' ? 'frame' : frameKind((first >> 4) & 7)
  switch (first & 0x0f) {
    case 0:
      return { ...media, kind: 'header' }
    case 1:
      // Of those whose pictures are shown in another order than they are decoded in.
      if (track === 'audio' || (codec !== 'h264' && codec !== 'hevc')) return { ...media, kind }
      if (data.length < 3) return null
      return { ...media, kind, composition: data.readIntBE(0, 3), data: data.subarray(3) }
    case 2:
      return { ...media, kind: 'end' }
    case 3:
      return { ...media, kind: track === 'video' ? kind : 'other' }
    default:
      return { ...media, kind: 'other' }
  }
}

/** `FrameType` of annex E.4.3.1: a keyframe, or one that the server makes; and what is no picture at all. */
function frameKind(frameType: number): MediaKind {
  if (frameType === 1 || frameType === 4) return 'keyframe'
  return frameType === 5 ? 'other' : 'frame'
}

function printable(text: string): string {
  return text.replace(/[^\x21-\x7e]/g, '?')
}
