import type { RecorderContainer } from '../../shared/recorder-type.ts'
import type { HeaderResult } from './header-result.ts'
import { readMatroskaHeader } from './matroska.ts'
import { readMp4Header } from './mp4.ts'

/** Most bytes of a header: recorders need a few hundred. It bounds how much is read again with every chunk that is too short. */
export const HEADER_LIMIT_BYTES = 64 * 1024

/**
 * Reads which tracks a recording has, from its first bytes. This comes before FFmpeg: what is no recording of the named
 * container never reaches it.
 */
export function readRecordingHeader(container: RecorderContainer, bytes: Buffer): HeaderResult {
  const result = container === 'matroska' ? readMatroskaHeader(bytes) : readMp4Header(bytes)
  if (result.state === 'incomplete' && bytes.length > HEADER_LIMIT_BYTES) {
    return { state: 'refused', message: `The header of the recording is longer than ${HEADER_LIMIT_BYTES} bytes.` }
  }
  if (result.state === 'complete' && result.tracks.video === null && result.tracks.audio === null) {
    return { state: 'refused', message: 'The recording has neither a picture nor sound.' }
  }
  return result
}
