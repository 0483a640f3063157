import { MAX_CHILDREN, unsupported } from './bounds.ts'

/** Bytes of a box's size and type (ISO/IEC 14496-12, 4.2.2). */
export const BOX_HEADER_BYTES = 8

/** A box of an MP4 file, as far as it is here. */
export interface Box {
  type: string
  /** Its data as far as it is here. */
  data: Buffer
  /** Whether all of it is here. */
  whole: boolean
  /** Offset behind it, in the bytes that it was read from. */
  end: number
}

/** The data of the first box that is found by following `path` from box to box; null where there is none. */
export function find(data: Buffer, path: string[]): Buffer | null {
  let within: Buffer = data
  for (const type of path) {
    let next: Buffer | null = null
    for (const box of boxes(within)) {
      if (box.type !== type) continue
      next = box.data
      break
    }
    if (next === null) return null
    within = next
  }
  return within
}

/**
 * The boxes in `data`, up to the first that is not whole enough to be known.
 * @throws GatewayError where there are more than any recorder writes
 */
export function* boxes(data: Buffer): Generator<Box, void, undefined> {
  let count = 0
  for (let at = 0; at < data.length; ) {
    const box = readBox(data, at)
    if (box === 'incomplete' || box === 'invalid') return
    if (++count > MAX_CHILDREN) throw unsupported(`A box of the recording has more than ${MAX_CHILDREN} others in it.`)
    yield box
    at = box.end
  }
}

/** Reads the box at `at` (ISO/IEC 14496-12, 4.2.2). */
export function readBox(bytes: Buffer, at: number): Box | 'incomplete' | 'invalid' {
  if (bytes.length < at + BOX_HEADER_BYTES) return 'incomplete'
  let size = bytes.readUInt32BE(at)
  let dataAt = at + BOX_HEADER_BYTES
  if (size === 1) {
    if (bytes.length < dataAt + 8) return 'incomplete'
    size = Number(bytes.readBigUInt64BE(dataAt))
    dataAt += 8
  } else if (size === 0) size = Number.MAX_SAFE_INTEGER - at
  const end = at + size
  if (end < dataAt) return 'invalid'
  return {
    type: bytes.toString('latin1', at + 4, at + 8),
    data: bytes.subarray(dataAt, Math.min(end, bytes.length)),
    whole: end <= bytes.length,
    end,
  }
}
