import type { Tracks } from '../ffmpeg/job.ts'

/** A place in a recording where a decoder can begin. */
export interface Point {
  /** Where it is, counted in bytes from the beginning of the recording. */
  offset: number
  /** When its keyframe is decoded, in ms of the recording. */
  time: number
}

/** What is kept apart in a recording: its first picture track and its first sound track. */
export type TrackKind = 'video' | 'audio'

/** Pictures, or pieces of sound, that an element holds. Times are in ms of the recording. */
export interface Pieces {
  kind: TrackKind
  count: number
  /** When the first begins. */
  first: number
  /** When the last begins. */
  last: number
  /** Longest time from one to the next, within the element. */
  longest: number
}

/** What a scanner sees in one element (or box) of a recording. */
export interface Seen {
  /** Bytes from its beginning to the next element: behind it, or in it. */
  skip: number
  /** Whether it is media: the header of the recording is what was before the first. */
  isMedia?: boolean
  /** What the header says of the tracks. */
  tracks?: Tracks
  /** A place to begin that is known now. */
  point?: Point | null
  pieces?: readonly Pieces[]
  /** What a reader that begins with this element needs between the header and it. */
  prefix?: () => Buffer
}

/** Knows the elements of a container format. */
export interface Scanner {
  /**
   * Looks at the element at `at` of `bytes`, whose place in the recording is `offset`. It takes a time that does not depend on how
   * often it is asked again for one that is incomplete.
   * @throws GatewayError `unsupported_media` for what is no such recording, or one that is not taken
   */
  see(bytes: Buffer, at: number, offset: number): Seen | 'incomplete'
}
