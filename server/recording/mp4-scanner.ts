import { boxes, find, readBox } from './boxes.ts'
import type { Scanner, Seen } from './replay.ts'

/** `sample_is_non_sync_sample` of the sample flags (ISO/IEC 14496-12, 8.8.3.1). */
const NON_SYNC = 0x10000
/** Fields that a `tfhd` (8.8.7) or `trun` (8.8.8) has, by its flags. */
const TFHD = { baseDataOffset: 0x1, descriptionIndex: 0x2, duration: 0x8, size: 0x10, sampleFlags: 0x20 } as const
const TRUN = { dataOffset: 0x1, firstFlags: 0x4, duration: 0x100, size: 0x200, sampleFlags: 0x400 } as const

interface Track {
  id: number
  /** Units a second. */
  timescale: number
  isVideo: boolean
  /** Flags of a sample that has none of its own (`trex`, 8.8.3). */
  sampleFlags: number
}

/** Finds where one can begin in a fragmented MP4: fragments whose first picture is a sync sample (without a picture, all of them). */
export class Mp4Scanner implements Scanner {
  #track: Track | null = null

  see(bytes: Buffer, at: number, offset: number): Seen | 'incomplete' | 'invalid' {
    const box = readBox(bytes, at)
    if (box === 'incomplete' || box === 'invalid') return box
    const skip = box.end - at
    if (box.type === 'mdat') return { skip, isMedia: true }
    if (!box.whole) return 'incomplete'
    try {
      if (box.type === 'moov') this.#track = mainTrack(box.data)
      if (box.type !== 'moof') return { skip }
      const time = this.#track && syncTime(box.data, this.#track)
      return { skip, isMedia: true, point: time === null ? null : { offset, time } }
    } catch (error) {
      if (error instanceof RangeError) return 'invalid'
      throw error
    }
  }
}

/** The track that says where one can begin: the first with a picture, else the first. */
function mainTrack(moov: Buffer): Track | null {
  const tracks: Track[] = []
  for (const { type, data } of boxes(moov)) {
    if (type !== 'trak') continue
    const [tkhd, mdhd] = [find(data, ['tkhd']), find(data, ['mdia', 'mdhd'])]
    const handler = find(data, ['mdia', 'hdlr'])?.toString('latin1', 8, 12)
    if (!tkhd || !mdhd) continue
    // Both have two times before the field: of 4 bytes each, or of 8 in version 1 (8.3.2, 8.4.2).
    const id = tkhd.readUInt32BE(tkhd[0] === 1 ? 20 : 12)
    const timescale = mdhd.readUInt32BE(mdhd[0] === 1 ? 20 : 12)
    tracks.push({ id, timescale, isVideo: handler === 'vide', sampleFlags: defaultFlags(moov, id) })
  }
  return tracks.find(({ isVideo }) => isVideo) ?? tracks[0] ?? null
}

function defaultFlags(moov: Buffer, id: number): number {
  const extends_ = [...boxes(find(moov, ['mvex']) ?? Buffer.alloc(0))]
  const own = extends_.find(({ type, data }) => type === 'trex' && data.readUInt32BE(4) === id)
  return own?.data.readUInt32BE(20) ?? 0
}

/** When the first sample of `track` in this fragment is decoded, in ms, where one can begin with it; else null. */
function syncTime(moof: Buffer, track: Track): number | null {
  for (const { type, data } of boxes(moof)) {
    const [tfhd, tfdt, trun] = [find(data, ['tfhd']), find(data, ['tfdt']), find(data, ['trun'])]
    if (type !== 'traf' || !tfhd || !tfdt || !trun || tfhd.readUInt32BE(4) !== track.id) continue
    const flags = firstSampleFlags(trun) ?? fragmentFlags(tfhd) ?? track.sampleFlags
    if (track.isVideo && (flags & NON_SYNC) !== 0) return null
    const time = tfdt[0] === 1 ? Number(tfdt.readBigUInt64BE(4)) : tfdt.readUInt32BE(4)
    return (time * 1000) / Math.max(1, track.timescale)
  }
  return null
}

function firstSampleFlags(trun: Buffer): number | null {
  const present = trun.readUInt32BE(0) & 0xffffff
  const at = 8 + (present & TRUN.dataOffset ? 4 : 0)
  if (present & TRUN.firstFlags) return trun.readUInt32BE(at)
  if (!(present & TRUN.sampleFlags)) return null
  return trun.readUInt32BE(at + (present & TRUN.duration ? 4 : 0) + (present & TRUN.size ? 4 : 0))
}

function fragmentFlags(tfhd: Buffer): number | null {
  const present = tfhd.readUInt32BE(0) & 0xffffff
  if (!(present & TFHD.sampleFlags)) return null
  const at =
    8 +
    (present & TFHD.baseDataOffset ? 8 : 0) +
    (present & TFHD.descriptionIndex ? 4 : 0) +
    (present & TFHD.duration ? 4 : 0) +
    (present & TFHD.size ? 4 : 0)
  return tfhd.readUInt32BE(at)
}
