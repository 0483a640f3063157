import { ELEMENT_BYTES, MAX_SAMPLES, unsupported } from './bounds.ts'
import { boxes, find } from './boxes.ts'
import type { Mp4Track } from './mp4-tracks.ts'
import type { Pieces } from './scanner.ts'

/** `sample_is_non_sync_sample` of the sample flags (ISO/IEC 14496-12, 8.8.3.1). */
const NON_SYNC = 0x10000

/** Fields that a `tfhd` (8.8.7) or `trun` (8.8.8) has, by its flags, and their bytes in the order in which they come. */
const TFHD_FIELDS = [
  [0x1, 'baseDataOffset', 8],
  [0x2, 'descriptionIndex', 4],
  [0x8, 'duration', 4],
  [0x10, 'size', 4],
  [0x20, 'flags', 4],
] as const
const TRUN = { dataOffset: 0x1, firstFlags: 0x4, duration: 0x100, size: 0x200, flags: 0x400, offset: 0x800 } as const

/** What is in a `traf` (ISO/IEC 14496-12, table 1), and what of it only once. */
const IN_TRACK = new Set([
  'tfhd',
  'tfdt',
  'trun',
  'sdtp',
  'sbgp',
  'sgpd',
  'subs',
  'saiz',
  'saio',
  'senc',
  'meta',
  'uuid',
  'free',
  'skip',
])
const ONCE = ['tfhd', 'tfdt']

/** What a fragment has of one track. */
export interface Fragment {
  track: Mp4Track
  /** Whether one can begin to decode at its first sample. */
  isSync: boolean
  pieces: Pieces
}

/**
 * Reads the data of a `traf` (8.8.6); null for a track that is not looked at, or for no samples. `next` has the time of the next sample of each
 * track, in ms, and gets the one after these.
 * @throws GatewayError where it has more, or larger, samples than any recorder writes
 * @throws RangeError where a box is too short for what it must have
 */
export function readFragment(traf: Buffer, layout: Mp4Track[], next: Map<number, number>): Fragment | null {
  const types = [...boxes(traf)].map(({ type }) => type)
  const isTwice = ONCE.some((name) => types.indexOf(name) !== types.lastIndexOf(name))
  if (isTwice || !types.every((type) => IN_TRACK.has(type)))
    throw unsupported('A fragment of the recording is damaged.')
  const tfhd = find(traf, ['tfhd'])
  const track = layout.find(({ id }) => id === tfhd?.readUInt32BE(4))
  if (!tfhd || !track) return null
  const defaults = { ...track.defaults, ...fieldsOf(tfhd) }
  const ms = (units: number) => (units * 1000) / track.timescale
  const tfdt = find(traf, ['tfdt'])
  const first = tfdt
    ? ms(tfdt[0] === 1 ? Number(tfdt.readBigUInt64BE(4)) : tfdt.readUInt32BE(4))
    : (next.get(track.id) ?? 0)
  const pieces: Pieces = { kind: track.kind, count: 0, first, last: first, longest: 0 }
  let time = first
  let isSync: boolean | null = null
  for (const { type, data } of boxes(traf)) {
    if (type !== 'trun') continue
    for (const sample of samplesOf(data, defaults, MAX_SAMPLES - pieces.count)) {
      if (sample.size > ELEMENT_BYTES) throw unsupported('A sample of the recording is larger than any recorder makes.')
      isSync ??= track.kind === 'audio' || (sample.flags & NON_SYNC) === 0
      pieces.count++
      pieces.last = time
      pieces.longest = Math.max(pieces.longest, ms(sample.duration))
      time += ms(sample.duration)
    }
  }
  next.set(track.id, time)
  return isSync === null ? null : { track, isSync, pieces }
}

/** What a `tfhd` says of the samples that say nothing of their own. */
function fieldsOf(tfhd: Buffer): Partial<Mp4Track['defaults']> {
  const present = tfhd.readUInt32BE(0) & 0xffffff
  const fields: Partial<Mp4Track['defaults']> = {}
  let at = 8
  for (const [flag, name, bytes] of TFHD_FIELDS) {
    if (!(present & flag)) continue
    if (name === 'duration' || name === 'size' || name === 'flags') fields[name] = tfhd.readUInt32BE(at)
    at += bytes
  }
  return fields
}

/** The samples of a `trun`. @throws GatewayError where there are more than `most` */
function* samplesOf(
  trun: Buffer,
  defaults: Mp4Track['defaults'],
  most: number,
): Generator<Mp4Track['defaults'], void, undefined> {
  const present = trun.readUInt32BE(0) & 0xffffff
  const count = trun.readUInt32BE(4)
  if (count > most) throw unsupported(`A fragment of the recording has more than ${MAX_SAMPLES} samples.`)
  let at = 8 + (present & TRUN.dataOffset ? 4 : 0)
  const firstFlags = present & TRUN.firstFlags ? trun.readUInt32BE(at) : null
  if (firstFlags !== null) at += 4
  for (let i = 0; i < count; i++) {
    const sample = { ...defaults }
    if (present & TRUN.duration) {
      sample.duration = trun.readUInt32BE(at)
      at += 4
    }
    if (present & TRUN.size) {
      sample.size = trun.readUInt32BE(at)
      at += 4
    }
    if (present & TRUN.flags) {
      sample.flags = trun.readUInt32BE(at)
      at += 4
    }
    if (present & TRUN.offset) at += 4
    if (i === 0 && firstFlags !== null) sample.flags = firstFlags
    yield sample
  }
}
