import type { Tracks } from '../ffmpeg/job.ts'

/** What the first bytes of a recording tell. */
export type HeaderResult =
  | { state: 'incomplete' }
  | { state: 'complete'; tracks: Tracks }
  /** It is no such recording, or one that is not taken; `message` says why, for the publisher. */
  | { state: 'refused'; message: string }
