/** Reads fragmented MP4 as a player does, by ISO/IEC 14496-12, and without any code of the server. */

/** A track of an init section. */
export interface ReadTrack {
  id: number
  kind: 'vide' | 'soun'
  /** Ticks of a second. */
  timescale: number
}

/** A frame of a fragment. Times in ticks. */
export interface ReadSample {
  duration: number
  offset: number
  /** Whether `sample_is_non_sync_sample` is not set. */
  isSync: boolean
  data: Buffer
}

/** The frames of one track in one fragment. */
export interface ReadRun {
  trackId: number
  decodeTime: number
  samples: ReadSample[]
}

interface Box {
  type: string
  body: Buffer
  /** Where the box begins in what was read. */
  at: number
}

/** The boxes of `bytes`, one after the other. @throws Error where one ends too early */
function boxes(bytes: Buffer): Box[] {
  const found: Box[] = []
  for (let at = 0; at < bytes.length; ) {
    const size = bytes.readUInt32BE(at)
    if (size < 8 || at + size > bytes.length) throw new Error(`A box at ${at} has ${size} bytes.`)
    found.push({ type: bytes.toString('latin1', at + 4, at + 8), body: bytes.subarray(at + 8, at + size), at })
    at += size
  }
  return found
}

function inside(bytes: Buffer, ...path: string[]): Buffer[] {
  const [type, ...rest] = path
  const bodies = boxes(bytes)
    .filter((box) => box.type === type)
    .map(({ body }) => body)
  return rest.length === 0 ? bodies : bodies.flatMap((body) => inside(body, ...rest))
}

function only(bytes: Buffer, ...path: string[]): Buffer {
  const [body, ...more] = inside(bytes, ...path)
  if (!body || more.length > 0) throw new Error(`There is not one ${path.join('/')}.`)
  return body
}

/** The tracks of an init section. */
export function readInit(bytes: Buffer): ReadTrack[] {
  return inside(bytes, 'moov', 'trak').map((trak) => {
    const mdhd = only(trak, 'mdia', 'mdhd')
    const kind = only(trak, 'mdia', 'hdlr').toString('latin1', 8, 12)
    if (kind !== 'vide' && kind !== 'soun') throw new Error(`A track is "${kind}".`)
    return { id: only(trak, 'tkhd').readUInt32BE(12), kind, timescale: mdhd.readUInt32BE(12) }
  })
}

/** The runs of a part, which is one fragment or several: data offsets count from each `moof`. */
export function readFragments(bytes: Buffer): ReadRun[] {
  return boxes(bytes)
    .filter(({ type }) => type === 'moof')
    .flatMap(({ body, at }) => inside(body, 'traf').map((traf) => readRun(traf, bytes.subarray(at))))
}

function readRun(traf: Buffer, fromMoof: Buffer): ReadRun {
  const trun = only(traf, 'trun')
  if ((trun.readUInt32BE(0) & 0xffffff) !== 0xf01) throw new Error('A trun has other fields than are read.')
  let data = trun.readUInt32BE(8)
  const samples = Array.from({ length: trun.readUInt32BE(4) }, (_, index): ReadSample => {
    const at = 12 + index * 16
    const size = trun.readUInt32BE(at + 4)
    const sample = {
      duration: trun.readUInt32BE(at),
      isSync: (trun.readUInt32BE(at + 8) & 0x10000) === 0,
      offset: trun.readInt32BE(at + 12),
      data: fromMoof.subarray(data, data + size),
    }
    data += size
    return sample
  })
  return {
    trackId: only(traf, 'tfhd').readUInt32BE(4),
    decodeTime: Number(only(traf, 'tfdt').readBigUInt64BE(4)),
    samples,
  }
}

/** Whether an access unit of H.264 with lengths of four bytes has an IDR picture (NAL unit type 5). */
export function isIdr(data: Buffer): boolean {
  for (let at = 0; at + 4 < data.length; at += 4 + data.readUInt32BE(at))
    if (((data[at + 4] ?? 0) & 0x1f) === 5) return true
  return false
}
