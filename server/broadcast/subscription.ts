import type { BusTag } from '../flv/gop-cache.ts'
import { isFrameKind } from '../flv/tag.ts'
import type { BusListener, Layout } from './listener.ts'

/** Most bytes that wait for one subscriber: about 20 s of a 2.5 Mbit/s stream. */
export const QUEUE_LIMIT_BYTES = 6 * 1024 * 1024

/** What a subscriber did not get because it was too slow. */
export interface Dropped {
  /** How often its queue was full. */
  overflows: number
  /** Frames, audio and video. */
  frames: number
}

/**
 * A subscriber's queue on the bus. It is bounded: when the subscriber is too slow, the queue is emptied and goes on with
 * the next keyframe (next audio frame where there is no video), headers first. The publisher never waits.
 */
export class Subscription implements BusListener {
  readonly dropped: Dropped = { overflows: 0, frames: 0 }
  readonly #headers: () => BusTag[]
  readonly #limit: number
  #queue: BusTag[] = []
  #bytes = 0
  #skipping = false
  #ended = false
  #wake: (() => void) | null = null

  /** `headers` gives the current headers, for going on after an overflow. */
  constructor(headers: () => BusTag[], limit = QUEUE_LIMIT_BYTES) {
    this.#headers = headers
    this.#limit = limit
  }

  /** Bytes that wait. */
  get queuedBytes(): number {
    return this.#bytes
  }

  /** Takes a tag from the bus. */
  push(tag: BusTag, layout: Layout): void {
    if (this.#ended) return
    if (this.#skipping) {
      if (tag.kind !== 'keyframe' && (layout.video || tag.kind !== 'audio')) {
        if (tag.kind === 'interframe' || tag.kind === 'audio') this.dropped.frames++
        return
      }
      this.#skipping = false
      for (const header of this.#headers()) this.#add(header)
    } else if (this.#bytes + tag.bytes.length > this.#limit) {
      this.dropped.overflows++
      this.discard()
      this.#skipping = true
      this.push(tag, layout)
      return
    }
    this.#add(tag)
  }

  /** What is queued is not wanted any more: it counts as dropped. */
  discard(): void {
    this.dropped.frames += framesIn(this.#queue)
    this.#queue = []
    this.#bytes = 0
  }

  /** No more will come: what is queued is still given. */
  end(): void {
    this.#ended = true
    this.#wake?.()
  }

  /** The next batch of tags, as soon as there is one; null after the end, or once `signal` is aborted. */
  async next(signal: AbortSignal): Promise<BusTag[] | null> {
    while (this.#queue.length === 0) {
      if (this.#ended || signal.aborted) return null
      await new Promise<void>((resolve) => {
        const wake = () => {
          signal.removeEventListener('abort', wake)
          this.#wake = null
          resolve()
        }
        this.#wake = wake
        signal.addEventListener('abort', wake)
      })
    }
    if (signal.aborted) return null
    const batch = this.#queue
    this.#queue = []
    this.#bytes = 0
    return batch
  }

  #add(tag: BusTag): void {
    this.#queue.push(tag)
    this.#bytes += tag.bytes.length
    this.#wake?.()
  }
}

/** How many of them are pictures or pieces of sound. */
export function framesIn(tags: readonly BusTag[]): number {
  return tags.filter(({ kind }) => isFrameKind(kind)).length
}
