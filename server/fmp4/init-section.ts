import type { AacConfig } from '../flv/aac.ts'
import type { Sps } from '../flv/sps.ts'
import { box, fullBox, u16, u32 } from './box.ts'

/** Ticks of a second on the picture's timeline. */
export const VIDEO_TIMESCALE = 90_000

export const VIDEO_TRACK_ID = 1
export const AUDIO_TRACK_ID = 2

/** A picture's configuration. */
export interface VideoConfig extends Pick<Sps, 'width' | 'height' | 'pixelAspect' | 'transfer'> {
  /** AVCDecoderConfigurationRecord, ISO/IEC 14496-15, 5.3.3.1. */
  record: Buffer
}

/** The tracks of a fragmented MP4. */
export interface Tracks {
  video: VideoConfig | null
  audio: AacConfig | null
}

/** Initialization section of a fragmented MP4 (ISO/IEC 14496-12): `ftyp`, and a `moov` without samples. */
export function initSection({ video, audio }: Tracks): Buffer {
  const brands = Buffer.from('iso6cmfcmp41', 'latin1')
  const tracks = [...(video ? [videoTrack(video)] : []), ...(audio ? [audioTrack(audio)] : [])]
  const ids = [...(video ? [VIDEO_TRACK_ID] : []), ...(audio ? [AUDIO_TRACK_ID] : [])]
  return Buffer.concat([
    box('ftyp', Buffer.from('iso6', 'latin1'), u32(1), brands),
    box('moov', movieHeader(), ...tracks, box('mvex', ...ids.map((id) => fullBox('trex', 0, 0, u32(id, 1, 0, 0, 0))))),
  ])
}

/** Position and size of a picture that is shown as it is. */
const UNITY_MATRIX = u32(0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)

function movieHeader(): Buffer {
  const times = u32(0, 0, 1000, 0)
  return fullBox(
    'mvhd',
    0,
    0,
    times,
    u32(0x10000),
    u16(0x100, 0),
    u32(0, 0),
    UNITY_MATRIX,
    Buffer.alloc(24),
    u32(0xffffffff),
  )
}

/** How wide a picture is shown, in pixels as wide as high. */
export function shownWidth({ width, pixelAspect }: VideoConfig): number {
  return pixelAspect ? Math.round((width * pixelAspect.width) / pixelAspect.height) : width
}

function videoTrack(config: VideoConfig): Buffer {
  const { record, width, height, pixelAspect } = config
  const entry = box(
    'avc1',
    Buffer.alloc(6),
    // Data reference 1, then what is reserved.
    u16(1),
    Buffer.alloc(16),
    u16(width, height),
    // 72 dpi, one frame in a sample, no name, 24 bits deep.
    u32(0x480000, 0x480000, 0),
    u16(1),
    Buffer.alloc(32),
    u16(24, 0xffff),
    box('avcC', record),
    // ISO/IEC 14496-12, 12.1.4.
    ...(pixelAspect ? [box('pasp', u32(pixelAspect.width, pixelAspect.height))] : []),
  )
  const header = fullBox(
    'tkhd',
    0,
    7,
    u32(0, 0, VIDEO_TRACK_ID, 0, 0, 0, 0),
    u16(0, 0, 0, 0),
    UNITY_MATRIX,
    u32(Math.min(shownWidth(config), 0xffff) * 0x10000, height * 0x10000),
  )
  return track(header, VIDEO_TIMESCALE, 'vide', fullBox('vmhd', 0, 1, u16(0, 0, 0, 0)), entry)
}

function audioTrack(config: AacConfig): Buffer {
  const { channels, sampleRate } = config
  const entry = box(
    'mp4a',
    Buffer.alloc(6),
    u16(1),
    Buffer.alloc(8),
    u16(channels, 16, 0, 0),
    // 16.16 fixed point, which higher rates do not fit in: players go by the record.
    u32(Math.min(sampleRate, 0xffff) * 0x10000),
    elementaryStream(config),
  )
  const header = fullBox(
    'tkhd',
    0,
    7,
    u32(0, 0, AUDIO_TRACK_ID, 0, 0, 0, 0),
    u16(0, 0, 0x100, 0),
    UNITY_MATRIX,
    u32(0, 0),
  )
  return track(header, sampleRate, 'soun', fullBox('smhd', 0, 0, u16(0, 0)), entry)
}

/** `esds` (ISO/IEC 14496-14, 5.6.1), with the descriptors of ISO/IEC 14496-1, 7.2.6. */
function elementaryStream({ record }: AacConfig): Buffer {
  const specific = descriptor(5, record)
  // AAC, an audio stream; buffer size and bitrates are not known.
  const decoder = descriptor(4, Buffer.from([0x40, 0x15, 0, 0, 0]), u32(0, 0), specific)
  return fullBox(
    'esds',
    0,
    0,
    descriptor(3, u16(AUDIO_TRACK_ID), Buffer.from([0]), decoder, descriptor(6, Buffer.from([2]))),
  )
}

function descriptor(tag: number, ...parts: Buffer[]): Buffer {
  const body = Buffer.concat(parts)
  // The length takes four bytes of seven bits.
  return Buffer.concat([Buffer.from([tag, 0x80, 0x80, 0x80 | (body.length >> 7), body.length & 0x7f]), body])
}

function track(header: Buffer, timescale: number, handler: string, mediaHeader: Buffer, entry: Buffer): Buffer {
  const empty = (type: string) => fullBox(type, 0, 0, u32(0))
  const sampleTable = box(
    'stbl',
    fullBox('stsd', 0, 0, u32(1), entry),
    empty('stts'),
    empty('stsc'),
    fullBox('stsz', 0, 0, u32(0, 0)),
    empty('stco'),
  )
  const dataInformation = box('dinf', fullBox('dref', 0, 0, u32(1), fullBox('url ', 0, 1)))
  const media = box(
    'mdia',
    // No language is known ("und").
    fullBox('mdhd', 0, 0, u32(0, 0, timescale, 0), u16(0x55c4, 0)),
    fullBox('hdlr', 0, 0, u32(0), Buffer.from(handler, 'latin1'), Buffer.alloc(13)),
    box('minf', mediaHeader, dataInformation, sampleTable),
  )
  return box('trak', header, media)
}
