/** A playback that runs. */
export interface Playback {
  /** Releases the player and what it loads. */
  close(): void
  /** Whether anything has come of what should come at once; true for a method that is slow to begin. */
  hasArrived(): boolean
  /** Seconds that the picture is behind what the server has, as far as is known. */
  behindSeconds(): number | null
  /** Goes to the newest that is there. */
  toLiveEdge(): void
}

/** Called once, when a playback cannot go on. */
export type OnStopped = (reason: 'ended' | 'failed') => void

/** Where the buffer of `video` ends, in s of its timeline; null while it is empty. */
export function bufferEnd({ buffered }: HTMLVideoElement): number | null {
  return buffered.length === 0 ? null : buffered.end(buffered.length - 1)
}
