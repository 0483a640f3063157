import { TAG_HEADER_BYTES, TAG_TRAILER_BYTES, type TagKind } from './tag.ts'

/**
 * Most bytes kept for someone who joins: above, they wait for the next keyframe. It is less than the queue of a subscriber, which
 * all of it goes into at once; about 12 s of a 2.5 Mbit/s stream.
 */
const GOP_LIMIT_BYTES = 4 * 1024 * 1024

/** A tag as the bus carries it: written once, shared by all outputs. */
export interface BusTag {
  kind: TagKind
  /** Decoding time on the broadcast's timeline, in ms. */
  timestamp: number
  /** The whole tag, as in a file. */
  bytes: Buffer
}

/** What is in a tag, between its header and its size. */
export function bodyOf({ bytes }: BusTag): Buffer {
  return bytes.subarray(TAG_HEADER_BYTES, bytes.length - TAG_TRAILER_BYTES)
}

/** Keeps what someone who joins needs first: the metadata, the codecs' headers, and the pictures since the last keyframe. */
export class GopCache {
  readonly #headers = new Map<'metadata' | 'video-header' | 'audio-header', BusTag>()
  #gop: BusTag[] = []
  #bytes = 0

  add(tag: BusTag): void {
    switch (tag.kind) {
      case 'metadata':
      case 'video-header':
      case 'audio-header':
        this.#headers.set(tag.kind, tag)
        // What was cached belongs to the old picture header, and a keyframe follows the new one.
        if (tag.kind === 'video-header') this.#gop = []
        return
      case 'keyframe':
        this.#gop = [tag]
        this.#bytes = tag.bytes.length
        return
      default:
        if (this.#gop.length === 0) return
        this.#gop.push(tag)
        this.#bytes += tag.bytes.length
        if (this.#bytes > GOP_LIMIT_BYTES) this.#gop = []
    }
  }

  /** The metadata and headers, in the order in which a stream begins. */
  headers(): BusTag[] {
    return [...this.#headers.values()].sort((a, b) => ORDER.indexOf(a.kind) - ORDER.indexOf(b.kind))
  }

  /** Everything since the last keyframe, that one included. Empty for a stream without video. */
  gop(): readonly BusTag[] {
    return this.#gop
  }
}

const ORDER: TagKind[] = ['metadata', 'video-header', 'audio-header']
