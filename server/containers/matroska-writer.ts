import { ID } from './ebml.ts'

/** A track of a Matroska stream. */
export interface MatroskaTrack {
  kind: 'video' | 'audio'
  /** As Matroska calls it: `V_MPEGH/ISO/HEVC`, `A_OPUS` (RFC 9559 and the codec specification). */
  codecId: string
  /** What its decoder needs first; null for nothing. */
  codecPrivate: Buffer | null
  /** Pixels, of a picture; 0 where they are not known. */
  width?: number
  height?: number
  /** Of sound. */
  sampleRate?: number
  channels?: number
}

/** A frame of one of the tracks. */
export interface MatroskaFrame {
  track: 'video' | 'audio'
  /** When it is shown, in ms from the beginning on. */
  time: number
  isKeyframe: boolean
  data: Buffer
}

/** A length that is not known, in eight bytes: what is live has none (RFC 8794, section 6.2). */
const UNKNOWN_LENGTH = Buffer.from('01ffffffffffffff', 'hex')
const TRACK_NUMBERS = { video: 1, audio: 2 } as const
const TRACK_TYPES = { video: 1, audio: 2 } as const
/** Times in a cluster have 16 bits and a sign. */
const MAX_IN_CLUSTER_MS = 30_000
const MILLISECOND_NS = 1_000_000
const KEYFRAME = 0x80

/** Writes a live Matroska stream: its head, and then each frame as it comes. Times are in ms. */
export class MatroskaWriter {
  #cluster: number | null = null

  /** What the stream begins with. */
  head(tracks: readonly MatroskaTrack[]): Buffer {
    const ebml = element(
      ID.ebml,
      element(ID.docType, Buffer.from('matroska')),
      element(ID.docTypeVersion, number(4)),
      element(ID.docTypeReadVersion, number(2)),
    )
    const info = element(
      ID.info,
      element(ID.timestampScale, number(MILLISECOND_NS)),
      element(ID.muxingApp, Buffer.from('Castgate')),
      element(ID.writingApp, Buffer.from('Castgate')),
    )
    return Buffer.concat([ebml, id(ID.segment), UNKNOWN_LENGTH, info, element(ID.tracks, ...tracks.map(entry))])
  }

  /** The bytes of a frame, with the head of a cluster where one begins: at keyframes, and where the time says so. */
  frame({ track, time, isKeyframe, data }: MatroskaFrame): Buffer {
    const whole = Math.max(0, Math.round(time))
    const parts: Buffer[] = []
    let cluster = this.#cluster
    const begins = cluster === null || Math.abs(whole - cluster) > MAX_IN_CLUSTER_MS
    if (cluster === null || begins || (isKeyframe && track === 'video')) {
      cluster = whole
      this.#cluster = cluster
      parts.push(id(ID.cluster), UNKNOWN_LENGTH, element(ID.timestamp, number(cluster)))
    }
    const head = Buffer.alloc(4)
    head[0] = 0x80 | TRACK_NUMBERS[track]
    head.writeInt16BE(whole - cluster, 1)
    head[3] = isKeyframe ? KEYFRAME : 0
    parts.push(element(ID.simpleBlock, head, data))
    return Buffer.concat(parts)
  }
}

function entry(track: MatroskaTrack): Buffer {
  const { kind, codecId, codecPrivate, width, height, sampleRate, channels } = track
  const parts = [
    element(ID.trackNumber, number(TRACK_NUMBERS[kind])),
    element(ID.trackUid, number(TRACK_NUMBERS[kind])),
    element(ID.trackType, number(TRACK_TYPES[kind])),
    element(ID.flagLacing, number(0)),
    element(ID.codecId, Buffer.from(codecId)),
  ]
  if (codecPrivate) parts.push(element(ID.codecPrivate, codecPrivate))
  if (width && height)
    parts.push(element(ID.video, element(ID.pixelWidth, number(width)), element(ID.pixelHeight, number(height))))
  if (kind === 'audio')
    parts.push(
      element(
        ID.audio,
        element(ID.samplingFrequency, float(sampleRate ?? 48_000)),
        element(ID.channels, number(channels ?? 2)),
      ),
    )
  return element(ID.trackEntry, ...parts)
}

function element(elementId: number, ...content: Buffer[]): Buffer {
  const length = content.reduce((sum, { length }) => sum + length, 0)
  return Buffer.concat([id(elementId), size(length), ...content])
}

function id(value: number): Buffer {
  return number(value)
}

/** A length in eight bytes (RFC 8794, section 6): the shortest form saves nothing that counts. */
function size(length: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(BigInt(length) | 0x0100000000000000n)
  return bytes
}

/** A whole number in as many bytes as it needs. */
function number(value: number): Buffer {
  const bytes = Buffer.alloc(6)
  bytes.writeUIntBE(value, 0, 6)
  const first = bytes.findIndex((byte) => byte !== 0)
  return bytes.subarray(first < 0 ? 5 : first)
}

function float(value: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeDoubleBE(value)
  return bytes
}
