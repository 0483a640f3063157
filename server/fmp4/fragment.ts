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

/** One fragment, `moof` and `mdat` (ISO/IEC 14496-12, 8.8): a chunk of CMAF. `sequence` counts from 1. */
export function fragment(sequence: number, runs: TrackRun[]): Buffer {
  // The offsets of the data depend on the size of what holds them, but not the other way.
  const headerBytes = movieFragment(sequence, runs, 0).length
  const data = runs.flatMap(({ samples }) => samples.map((sample) => sample.data))
  return Buffer.concat([movieFragment(sequence, runs, headerBytes + 8), box('mdat', ...data)])
}

function movieFragment(sequence: number, runs: TrackRun[], dataOffset: number): Buffer {
  let offset = dataOffset
  const tracks = runs.map(({ trackId, decodeTime, samples }) => {
    const run = fullBox(
      'trun',
      1,
      TRUN_FLAGS,
      u32(samples.length, offset),
      ...samples.map(({ duration, data, keyframe, compositionOffset }) =>
        u32(
          Math.min(duration, UINT32_MAX),
          data.length,
          keyframe ? KEYFRAME_FLAGS : INTERFRAME_FLAGS,
          compositionOffset >>> 0,
        ),
      ),
    )
    offset += samples.reduce((sum, { data }) => sum + data.length, 0)
    return box('traf', fullBox('tfhd', 0, BASE_IS_MOOF, u32(trackId)), fullBox('tfdt', 1, 0, u64(decodeTime)), run)
  })
  return box('moof', fullBox('mfhd', 0, 0, u32(sequence)), ...tracks)
}
