/** Pieces of recordings, for tests. */

/** An element of EBML (RFC 8794). */
export function element(id: number, data: Buffer): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeUInt32BE(id, 4)
  const idBytes = bytes.subarray(
    Math.min(
      7,
      bytes.findIndex((byte) => byte !== 0),
    ),
  )
  const size = Buffer.alloc(8)
  size.writeUInt32BE(data.length, 4)
  size[0] = 0x01
  return Buffer.concat([idBytes, size, data])
}

function number(id: number, value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return element(id, bytes)
}

/** The beginning of a WebM recording with these tracks. `scale`: nanoseconds of its unit of time. */
export function webm(tracks: Buffer[], scale = 1_000_000): Buffer {
  const ebml = element(0x1a45dfa3, element(0x4282, Buffer.from('webm')))
  const segment = Buffer.from('1853806701ffffffffffffff', 'hex')
  const info = element(0x1549a966, number(0x2ad7b1, scale))
  return Buffer.concat([ebml, segment, info, element(0x1654ae6b, Buffer.concat(tracks))])
}

/** A track with sound. */
export function opusTrack(track: number, codec = 'A_OPUS', more: Buffer = Buffer.alloc(0)): Buffer {
  return element(0xae, Buffer.concat([number(0xd7, track), number(0x83, 2), element(0x86, Buffer.from(codec)), more]))
}

/** The beginning of a cluster of unknown size, and of any. */
export const OPEN_CLUSTER = Buffer.from('1f43b67501ffffffffffffff', 'hex')
export const CLUSTER_ID = OPEN_CLUSTER.subarray(0, 4)

/** A cluster that begins at `time`, of unknown size. */
export function cluster(time: number, blocks: Buffer[]): Buffer {
  return Buffer.concat([OPEN_CLUSTER, number(0xe7, time), ...blocks])
}

/** A block of one byte, `at` units behind its cluster's time; with another id, that of a group. */
export function simpleBlock(track: number, at: number, id = 0xa3): Buffer {
  const head = Buffer.from([0x80 | track, 0, 0, 0x80, 0xfc])
  head.writeInt16BE(at, 1)
  return element(id, head)
}

/** A box of an MP4 (ISO/IEC 14496-12). */
export function box(type: string, ...data: Buffer[]): Buffer {
  const body = Buffer.concat(data)
  const head = Buffer.alloc(8)
  head.writeUInt32BE(body.length + 8)
  head.write(type, 4, 'latin1')
  return Buffer.concat([head, body])
}

/** A copy of an MP4 whose pictures are to be shown turned clockwise by so many quarters (ISO/IEC 14496-12, 8.3.2: the matrix of `tkhd`). */
export function turnedMp4(mp4: Buffer, quarters: 0 | 1 | 2 | 3): Buffer {
  const turned = Buffer.from(mp4)
  const cos = [1, 0, -1, 0][quarters] ?? 1
  const sin = [0, 1, 0, -1][quarters] ?? 0
  for (let at = turned.indexOf('tkhd'); at >= 0; at = turned.indexOf('tkhd', at + 1)) {
    const data = at + 4
    const matrix = data + (turned[data] === 1 ? 52 : 40)
    // A width of zero is a track of sound.
    if (turned.readUInt32BE(matrix + 36) === 0) continue
    for (const [index, value] of [cos, sin, 0, -sin, cos].entries()) {
      turned.writeInt32BE(value * 0x10000, matrix + index * 4)
    }
  }
  return turned
}
