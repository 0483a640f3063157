import { damaged, ELEMENT_BYTES, HEADER_BYTES, headerTooLong, unsupported } from './bounds.ts'
import { child, dataOf, type Element, ID, numberIn, readElement, textIn } from './ebml.ts'
import { type MatroskaTracks, readMatroskaTracks } from './matroska-tracks.ts'
import type { Pieces, Point, Scanner, Seen, TrackKind } from './scanner.ts'

const KEYFRAME_FLAG = 0x80
/** Track, time and flags (RFC 9559, 10.1 and 10.2). */
const BLOCK_HEADER_BYTES = 4

/** Longest Timestamp element: its id, and eight bytes for its size and for the number (RFC 8794, 6 and 7.2). */
const TIMESTAMP_BYTES = 1 + 8 + 8

/** A cluster whose size is not known: it ends where the next one begins (RFC 9559, 5.1.3). */
const OPEN_CLUSTER = Buffer.from('1f43b67501ffffffffffffff', 'hex')

/** Nanoseconds of a unit of time where nothing else is said (RFC 9559, 5.1.2.9). */
const DEFAULT_SCALE = 1_000_000

/** What has come of the recording so far. */
type Stage = 'nothing' | 'ebml' | 'segment' | 'media'

/**
 * Reads a WebM or Matroska recording (RFC 9559) element by element: its tracks, the times of its blocks, and where one can begin: clusters whose
 * first picture is a keyframe (without a picture, all of them).
 */
export class MatroskaScanner implements Scanner {
  #stage: Stage = 'nothing'
  #tracks: MatroskaTracks | null = null
  #msPerUnit = DEFAULT_SCALE / 1e6
  #cluster = { offset: 0, units: 0, timestamp: Buffer.alloc(0), decided: true }

  see(bytes: Buffer, at: number, offset: number): Seen | 'incomplete' {
    const element = readElement(bytes, at)
    if (this.#stage === 'nothing') return this.#begin(bytes, at, element)
    if (element === 'incomplete') return element
    if (element === 'invalid') throw damaged(offset)
    if (this.#stage === 'ebml' && element.id !== ID.segment) throw unsupported('The recording has no Matroska segment.')
    const toContent = element.dataAt - at
    switch (element.id) {
      case ID.segment:
        if (this.#stage !== 'ebml') throw damaged(offset)
        this.#stage = 'segment'
        return { skip: toContent }
      case ID.cluster:
        if (this.#tracks === null) throw unsupported('The recording names no tracks before its media.')
        this.#stage = 'media'
        this.#cluster = { offset, units: 0, timestamp: Buffer.alloc(0), decided: false }
        return { skip: toContent, isMedia: true }
      case ID.ebml:
        throw damaged(offset)
    }
    if (!Number.isFinite(element.end)) throw damaged(offset)
    if (element.end - at > ELEMENT_BYTES)
      throw unsupported('An element of the recording is larger than any recorder makes.')
    return this.#stage === 'media' ? this.#inMedia(bytes, at, element) : this.#inHeader(bytes, at, element)
  }

  /** The EBML header (RFC 8794, 11.2.1) is there after a few bytes; four are enough to see that it is something else. */
  #begin(bytes: Buffer, at: number, element: Element | 'incomplete' | 'invalid'): Seen | 'incomplete' {
    if (bytes.length < 4) return 'incomplete'
    if (bytes.readUInt32BE(0) !== ID.ebml || element === 'invalid') throw notMatroska()
    if (element === 'incomplete') return element
    if (element.end > HEADER_BYTES) throw notMatroska()
    if (element.end > bytes.length) return 'incomplete'
    const docType = textIn(child(dataOf(bytes, element), ID.docType))
    if (docType !== 'webm' && docType !== 'matroska') throw notMatroska()
    this.#stage = 'ebml'
    return { skip: element.end - at }
  }

  #inHeader(bytes: Buffer, at: number, element: Element): Seen | 'incomplete' {
    const skip = element.end - at
    if (element.id !== ID.tracks && element.id !== ID.info) return { skip }
    if (skip > HEADER_BYTES) throw headerTooLong()
    if (element.end > bytes.length) return 'incomplete'
    const data = dataOf(bytes, element)
    if (element.id === ID.info) {
      const scale = numberIn(child(data, ID.timestampScale))
      if (scale > 0) this.#msPerUnit = scale / 1e6
      return { skip }
    }
    if (this.#tracks !== null) throw unsupported('The recording names its tracks twice.')
    this.#tracks = readMatroskaTracks(data)
    return { skip, tracks: this.#tracks.tracks }
  }

  #inMedia(bytes: Buffer, at: number, element: Element): Seen | 'incomplete' {
    const skip = element.end - at
    const here = bytes.length - element.dataAt
    switch (element.id) {
      case ID.timestamp:
        if (skip > TIMESTAMP_BYTES) throw unsupported('The recording has a time that is none.')
        if (element.end > bytes.length) return 'incomplete'
        this.#cluster.units = numberIn(dataOf(bytes, element))
        this.#cluster.timestamp = Buffer.from(bytes.subarray(at, element.end))
        return { skip }
      case ID.simpleBlock:
        // Of a block, the beginning says enough.
        if (here < BLOCK_HEADER_BYTES && element.end > bytes.length) return 'incomplete'
        return this.#block(skip, dataOf(bytes, element), null)
      case ID.blockGroup: {
        if (element.end > bytes.length) return 'incomplete'
        const group = dataOf(bytes, element)
        const block = child(group, ID.block)
        return block ? this.#block(skip, block, child(group, ID.referenceBlock) === null) : { skip }
      }
      case ID.tracks:
      case ID.info:
        throw unsupported('The recording has a second header in its media.')
      default:
        return { skip }
    }
  }

  /** `isKeyframe`: null where the flags of the block say it (SimpleBlock: RFC 9559, 10.2). */
  #block(skip: number, block: Buffer, isKeyframe: boolean | null): Seen {
    const kind = this.#kindOf(block)
    if (kind === null) return { skip, isMedia: true }
    const time = (this.#cluster.units + block.readInt16BE(1)) * this.#msPerUnit
    const pieces: Pieces = { kind, count: 1, first: time, last: time, longest: 0 }
    const key = isKeyframe ?? (block.readUInt8(3) & KEYFRAME_FLAG) !== 0
    return { skip, isMedia: true, pieces: [pieces], prefix: () => this.#prefix(), point: this.#decide(kind, key, time) }
  }

  /** The beginning of a cluster, for a block that does not come first in its own. */
  #prefix(): Buffer {
    return Buffer.concat([OPEN_CLUSTER, this.#cluster.timestamp])
  }

  #kindOf(block: Buffer): TrackKind | null {
    if (block.length < BLOCK_HEADER_BYTES) return null
    const track = block.readUInt8(0) & 0x7f
    if (track === this.#tracks?.video) return 'video'
    return track === this.#tracks?.audio ? 'audio' : null
  }

  /** The first picture of a cluster decides: where it is a keyframe, one can begin there. */
  #decide(kind: TrackKind, isKeyframe: boolean, time: number): Point | null {
    const hasPicture = this.#tracks?.video !== null
    if (this.#cluster.decided || (hasPicture && kind !== 'video')) return null
    this.#cluster.decided = true
    return hasPicture && !isKeyframe ? null : { offset: this.#cluster.offset, time }
  }
}

function notMatroska(): Error {
  return unsupported('The recording is no WebM or Matroska file.')
}
