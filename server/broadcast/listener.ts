import type { BusTag } from '../flv/gop-cache.ts'

/** Which kinds of tracks a broadcast carries. */
export interface Layout {
  video: boolean
  audio: boolean
}

/** Something that takes every tag of a broadcast as it comes. It may queue or drop, but not wait. */
export interface BusListener {
  push(tag: BusTag, layout: Layout): void
  /** The broadcast is over: nothing comes any more. */
  end(): void
}
