import { readSps, type Sps } from './sps.ts'
import { AVC, TAG_TYPE, type Tag } from './tag.ts'

const NAL_SPS = 7
const NAL_PPS = 8
/** Bytes of an AVCVIDEOPACKET before its data: frame type and codec, packet type, composition time (annex E.4.3.1). */
export const AVC_PACKET_HEADER_BYTES = 5

/** Least bytes of an AVCDecoderConfigurationRecord: without parameter sets. */
const MIN_RECORD_BYTES = 7

/** Whether a video header (AVC sequence header) says anything: FFmpeg writes an empty one where it does not know yet. */
export function isWholeHeader(header: Tag): boolean {
  return header.body.length >= AVC_PACKET_HEADER_BYTES + MIN_RECORD_BYTES
}

/** Whether a picture's tag holds none: an encoder says so that its sequence is over (AVC packet type 2, annex E.4.3.1). */
export function isEndOfSequence({ type, body }: Tag): boolean {
  return type === TAG_TYPE.video && ((body[0] ?? 0) & 0x0f) === AVC && body[1] === 2
}

/** What a video header (AVC sequence header) says of the picture, or null where it cannot be read. */
export function pictureFormat(header: Pick<Tag, 'body'>): Sps | null {
  return firstSps(header.body.subarray(AVC_PACKET_HEADER_BYTES))
}

/** The first SPS of an AVCDecoderConfigurationRecord (ISO/IEC 14496-15, 5.3.3.1), or null where it cannot be read. */
export function firstSps(record: Buffer): Sps | null {
  // Five bytes, then the count of SPS and the first one.
  if (record.length < 8 || (record.readUInt8(5) & 0x1f) === 0) return null
  return readSps(record.subarray(8, 8 + record.readUInt16BE(6)))
}

/**
 * Finds new parameter sets inside keyframes. Chromium puts the SPS and PPS before each keyframe and leaves the container's
 * header as it was when the picture changes its size, while RTMP servers go by the last sequence header alone
 * (nginx-rtmp drops what is in the frames): so a change must be announced by a header of its own.
 */
export class ParameterSetWatch {
  #current: Buffer | null = null

  /** Takes a video header as the state of things. */
  saw(header: Tag): void {
    this.#current = Buffer.from(header.body.subarray(AVC_PACKET_HEADER_BYTES))
  }

  /** The header that must go before `keyframe`, or null where nothing changed. It has the keyframe's timestamp. */
  headerBefore(keyframe: Tag): Tag | null {
    if (this.#current === null) return null
    const lengthBytes = (this.#current.readUInt8(4) & 3) + 1
    const { sps, pps } = parameterSets(keyframe.body.subarray(AVC_PACKET_HEADER_BYTES), lengthBytes)
    const [firstSps] = sps
    if (!firstSps || pps.length === 0) return null
    if ([...sps, ...pps].every((set) => this.#current?.includes(set))) return null
    const header = {
      type: TAG_TYPE.video,
      timestamp: keyframe.timestamp,
      body: Buffer.concat([Buffer.from([0x10 | AVC, 0, 0, 0, 0]), configurationRecord(sps, pps, lengthBytes)]),
    }
    this.saw(header)
    return header
  }
}

function parameterSets(data: Buffer, lengthBytes: number): { sps: Buffer[]; pps: Buffer[] } {
  const sets: { sps: Buffer[]; pps: Buffer[] } = { sps: [], pps: [] }
  for (let at = 0; at + lengthBytes < data.length; ) {
    const length = data.readUIntBE(at, lengthBytes)
    const nal = data.subarray(at + lengthBytes, at + lengthBytes + length)
    const type = (nal[0] ?? 0) & 0x1f
    if (type === NAL_SPS && nal.length >= 4 && sets.sps.length < 31) sets.sps.push(nal)
    else if (type === NAL_PPS && sets.pps.length < 255) sets.pps.push(nal)
    // Parameter sets come before the picture, which is most of the bytes.
    else if (type === 5) break
    at += lengthBytes + length
  }
  return sets
}

/** AVCDecoderConfigurationRecord of ISO/IEC 14496-15, 5.3.3.1. */
export function configurationRecord(sps: Buffer[], pps: Buffer[], lengthBytes: number): Buffer {
  const first = sps[0] ?? Buffer.alloc(4)
  const parts = [Buffer.from([1]), first.subarray(1, 4), Buffer.from([0xfc | (lengthBytes - 1), 0xe0 | sps.length])]
  for (const set of sps) parts.push(sized(set))
  parts.push(Buffer.from([pps.length]))
  for (const set of pps) parts.push(sized(set))
  const details = readSps(first)
  if (details?.high) {
    const { chromaFormat, lumaDepth, chromaDepth } = details.high
    parts.push(Buffer.from([0xfc | chromaFormat, 0xf8 | (lumaDepth - 8), 0xf8 | (chromaDepth - 8), 0]))
  }
  return Buffer.concat(parts)
}

function sized(set: Buffer): Buffer {
  const size = Buffer.alloc(2)
  size.writeUInt16BE(set.length)
  return Buffer.concat([size, set])
}
