import { UINT32_MAX } from '../../shared/limits.ts'
import { box, fullBox, u32, u64 } from './box.ts'

/** A frame. Times are in ticks of its track. */
export interface Sample {
  data: Buffer
  duration: number
  /** From when it is decoded to when it is shown. */
  compositionOffset: number
  keyframe: boolean
}

/** Frames of one track, one right after the other. */
export interface TrackRun {
  trackId: number
  /** When the first one is decoded. */
  decodeTime: number
  samples: Sample[]
}

/** `default-base-is-moof` of `tfhd`. */
const BASE_IS_MOOF = 0x020000
/** What `trun` holds: a data offset, and for each frame its duration, size, flags and composition offset. */
const TRUN_FLAGS = 0x000f01
/** `sample_depends_on`, `sample_is_non_sync_sample` (ISO/IEC 14496-12, 8.8.3.1). */
const KEYFRAME_FLAGS = 0x02000000
const INTERFRAME_FLAGS = 0x01010000

/** Bytes of `moof` with `mfhd`, of a `traf` without its frames, and of each frame in it: those of the boxes below. */
const MOOF_BYTES = 8 + 16
const TRAF_BYTES = 8 + 16 + 20 + 20
const SAMPLE_BYTES = 16

/** One fragment, `moof` and `mdat` (ISO/IEC 14496-12, 8.8): a chunk of CMAF. `sequence` counts from 1. */
export function fragment(sequence: number, runs: TrackRun[]): Buffer {
  const samples = runs.flatMap((run) => run.samples)
  const headerBytes = MOOF_BYTES + runs.length * TRAF_BYTES + samples.length * SAMPLE_BYTES
  const dataBytes = samples.reduce((sum, { data }) => sum + data.length, 8)
  // The frames are copied once, into what goes out.
  return Buffer.concat([
    movieFragment(sequence, runs, headerBytes + 8),
    u32(dataBytes),
    Buffer.from('mdat', 'latin1'),
    ...samples.map(({ data }) => data),
  ])
}

function movieFragment(sequence: number, runs: TrackRun[], dataOffset: number): Buffer {
  let offset = dataOffset
  const tracks = runs.map(({ trackId, decodeTime, samples }) => {
    const run = fullBox('trun', 1, TRUN_FLAGS, u32(samples.length, offset), table(samples))
    offset += samples.reduce((sum, { data }) => sum + data.length, 0)
    return box('traf', fullBox('tfhd', 0, BASE_IS_MOOF, u32(trackId)), fullBox('tfdt', 1, 0, u64(decodeTime)), run)
  })
  return box('moof', fullBox('mfhd', 0, 0, u32(sequence)), ...tracks)
}

/** What `trun` says of each frame: its duration, size, flags and composition offset. */
function table(samples: readonly Sample[]): Buffer {
  const bytes = Buffer.allocUnsafe(samples.length * SAMPLE_BYTES)
  let at = 0
  for (const { duration, data, keyframe, compositionOffset } of samples) {
    bytes.writeUInt32BE(Math.min(duration, UINT32_MAX), at)
    bytes.writeUInt32BE(data.length, at + 4)
    bytes.writeUInt32BE(keyframe ? KEYFRAME_FLAGS : INTERFRAME_FLAGS, at + 8)
    bytes.writeInt32BE(compositionOffset, at + 12)
    at += SAMPLE_BYTES
  }
  return bytes
}
