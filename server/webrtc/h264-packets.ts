import { NAL, typeOf } from './nal.ts'

/** Most bytes of a payload: with the heads of RTP, SRTP, UDP and IPv6 it fits into 1,280 (RFC 8200, section 5). */
const MAX_PAYLOAD_BYTES = 1180

/** Parameter sets of an AVCDecoderConfigurationRecord (ISO/IEC 14496-15, 5.3.3.1), and in how many bytes it says lengths. */
export interface ParameterSets {
  sets: Buffer[]
  lengthBytes: number
}

/** Reads the parameter sets of a record; null where it cannot be read. */
export function parameterSetsOf(record: Buffer): ParameterSets | null {
  const sets: Buffer[] = []
  let at = 6
  const read = (count: number): boolean => {
    for (let index = 0; index < count; index++) {
      if (at + 2 > record.length) return false
      const end = at + 2 + record.readUInt16BE(at)
      if (end > record.length) return false
      sets.push(record.subarray(at + 2, end))
      at = end
    }
    return true
  }
  if (record.length < 7 || !read(record.readUInt8(5) & 31) || at >= record.length) return null
  return read(record.readUInt8(at++)) ? { sets, lengthBytes: (record.readUInt8(4) & 3) + 1 } : null
}

/** The payloads of a picture (RFC 6184, packetization mode 1), of which each NAL unit has its length before it. A keyframe gets its parameter sets. */
export function payloadsOf(picture: Buffer, { sets, lengthBytes }: ParameterSets): Buffer[] {
  const units = unitsOf(picture, lengthBytes).filter((unit) => typeOf(unit) !== NAL.delimiter)
  const isKeyframe = units.some((unit) => typeOf(unit) === NAL.idr)
  const hasSets = units.some((unit) => typeOf(unit) === NAL.sps)
  const payloads = isKeyframe && !hasSets ? [aggregate(sets)] : []
  for (const unit of units) {
    if (unit.length <= MAX_PAYLOAD_BYTES) payloads.push(unit)
    else payloads.push(...fragments(unit))
  }
  return payloads
}

function unitsOf(picture: Buffer, lengthBytes: number): Buffer[] {
  const units: Buffer[] = []
  for (let at = 0; at + lengthBytes < picture.length; ) {
    const begin = at + lengthBytes
    const end = Math.min(picture.length, begin + picture.readUIntBE(at, lengthBytes))
    if (end > begin) units.push(picture.subarray(begin, end))
    at = Math.max(end, begin)
  }
  return units
}

function aggregate(units: readonly Buffer[]): Buffer {
  const [first] = units
  if (first && units.length === 1) return first
  const importance = Math.max(...units.map((unit) => (unit[0] ?? 0) & 0x60))
  const parts = units.flatMap((unit) => [Buffer.from([unit.length >> 8, unit.length & 255]), unit])
  return Buffer.concat([Buffer.from([importance | NAL.aggregate]), ...parts])
}

function fragments(unit: Buffer): Buffer[] {
  const head = unit[0] ?? 0
  const size = MAX_PAYLOAD_BYTES - 2
  const payloads: Buffer[] = []
  for (let at = 1; at < unit.length; at += size) {
    const flags = (at === 1 ? 0x80 : 0) | (at + size >= unit.length ? 0x40 : 0)
    const bytes = Buffer.from([(head & 0xe0) | NAL.fragment, flags | (head & 31)])
    payloads.push(Buffer.concat([bytes, unit.subarray(at, at + size)]))
  }
  return payloads
}
