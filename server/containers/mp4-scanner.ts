import { damaged, HEADER_BYTES, headerTooLong, MAX_TRACKS, MOOF_BYTES, unsupported } from './bounds.ts'
import { BOX_HEADER_BYTES, type Box, boxes, readBox } from './boxes.ts'
import { readFragment } from './mp4-fragment.ts'
import { type Mp4Track, readMp4Tracks } from './mp4-tracks.ts'
import type { Scanner, Seen } from './scanner.ts'

/** What stands beside `moov`, `moof` and `mdat` (ISO/IEC 14496-12, table 1), and in a `moof`. */
const TOP_LEVEL = new Set([
  'ftyp',
  'styp',
  'free',
  'skip',
  'wide',
  'uuid',
  'sidx',
  'ssix',
  'prft',
  'emsg',
  'mfra',
  'pdin',
])
const IN_FRAGMENT = new Set(['mfhd', 'traf', 'free', 'skip', 'uuid', 'pssh'])

/**
 * Reads a fragmented MP4 (ISO/IEC 14496-12) box by box: its tracks, the times of its samples, and where one can begin: fragments whose first
 * picture is a sync sample (without a picture, all of them).
 */
export class Mp4Scanner implements Scanner {
  #layout: Mp4Track[] | null = null
  /** When the next sample of each track is decoded where its fragment does not say, in ms. */
  readonly #next = new Map<number, number>()

  see(bytes: Buffer, at: number, offset: number): Seen | 'incomplete' {
    const box = readBox(bytes, at)
    if (offset === 0 && bytes.length >= BOX_HEADER_BYTES && bytes.toString('latin1', 4, 8) !== 'ftyp') {
      throw unsupported('The recording is no MP4 file.')
    }
    if (box === 'incomplete') return box
    if (box === 'invalid') throw damaged(offset)
    const size = box.end - at
    switch (box.type) {
      case 'mdat':
        if (this.#layout === null) throw early()
        return { skip: size, isMedia: true }
      case 'moov':
        if (this.#layout !== null) throw unsupported('The recording names its tracks twice.')
        if (size > HEADER_BYTES) throw headerTooLong()
        return box.whole ? this.#header(box.data, size) : 'incomplete'
      case 'moof':
        if (this.#layout === null) throw early()
        if (size > MOOF_BYTES)
          throw unsupported('A fragment of the recording has more samples than any recorder writes.')
        return box.whole ? this.#fragment(box, size, offset, this.#layout) : 'incomplete'
      default:
        // FFmpeg looks for fragments in whatever it may find boxes in.
        if (!TOP_LEVEL.has(box.type)) throw damaged(offset)
        return { skip: size }
    }
  }

  #header(moov: Buffer, skip: number): Seen {
    const { tracks, layout } = within(() => readMp4Tracks(moov))
    this.#layout = layout
    return { skip, tracks }
  }

  #fragment(moof: Box, skip: number, offset: number, layout: Mp4Track[]): Seen {
    const main = layout.find(({ kind }) => kind === 'video') ?? layout[0]
    const inside = [...boxes(moof.data)]
    if (!inside.every(({ type }) => IN_FRAGMENT.has(type))) throw unsupported('A fragment of the recording is damaged.')
    const trafs = inside.filter(({ type }) => type === 'traf')
    if (trafs.length > MAX_TRACKS) throw unsupported(`A fragment of the recording has more than ${MAX_TRACKS} tracks.`)
    const fragments = within(() => trafs.flatMap(({ data }) => readFragment(data, layout, this.#next) ?? []))
    const first = fragments.find(({ track }) => track === main)
    const point = first?.isSync ? { offset, time: first.pieces.first } : null
    return { skip, isMedia: true, point, pieces: fragments.map(({ pieces }) => pieces) }
  }
}

function early(): Error {
  return unsupported('The recording has its media before its header. Use a fragmented MP4, as recorders write it.')
}

/** What `read` gives. @throws GatewayError also where a box is too short for what it must have */
function within<T>(read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (error instanceof RangeError) throw unsupported('A box of the recording is shorter than what it must have.')
    throw error
  }
}
