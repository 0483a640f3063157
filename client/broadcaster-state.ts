import type { PlaybackLinks, StreamStatus } from '../shared/status.ts'
import type { Quality } from './record/quality.ts'

/** What a broadcaster does now. */
export type BroadcasterState =
  | { kind: 'idle' }
  /** Asking the server for the name. */
  | { kind: 'connecting' }
  /** `since` is the time of the first recorded byte, as of `performance.now()`. */
  | { kind: 'live'; since: number }
  /** The connection was lost; what is recorded is kept, and sent when it is back. */
  | { kind: 'reconnecting'; since: number }
  /** Sending the rest. */
  | { kind: 'ending' }
  | { kind: 'ended' }
  /** `code` is a protocol error code, or `unreachable`, `recorder_failed`. */
  | { kind: 'failed'; code: string; message: string }

/** Figures of a broadcast. */
export interface BroadcasterStats {
  /** Recorded bits a second, over the last seconds. */
  bitsPerSecond: number
  /** Bytes that the server has not acknowledged. */
  unacknowledgedBytes: number
  /** Seconds since the oldest of them was recorded. */
  secondsBehind: number
  /** From 0 to 1: how much of the room for what waits is taken. */
  spoolUsed: number
  /** Seconds of recording that were given up because the uplink was too slow. */
  secondsLost: number
  /** What is recorded now: less than what was asked for while the uplink is slow. */
  quality: Quality | null
  /** What the server says, about once a second; null before the first time. */
  server: StreamStatus | null
  /** The links to share; null before the server took the stream. */
  playback: PlaybackLinks | null
}

/** Whether nothing follows `state`. */
export function isOver(state: BroadcasterState): boolean {
  return state.kind === 'ended' || state.kind === 'failed'
}
