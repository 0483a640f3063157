/** Types of RTCP packets (RFC 3550, section 12.1; RFC 4585, section 6.1). */
const TYPE = { senderReport: 200, receiverReport: 201, transport: 205, payload: 206 } as const
/** Kinds of feedback (RFC 4585, sections 6.2.1 and 6.3.1). */
const FORMAT = { nack: 1, pictureLoss: 1 } as const
const VERSION = 0x80
/** Seconds from 1900, as NTP counts, to 1970. */
const NTP_TO_UNIX_S = 2_208_988_800
const UINT32 = 2 ** 32
/** Most packets that are read of one datagram. */
const MAX_PACKETS = 32
/** Most items of one NACK: each names up to 17 packets. */
const MAX_NACK_ITEMS = 64

/** What a sender says of its clock (RFC 3550, section 6.4.1). */
export interface SenderReport {
  ssrc: number
  /** When it was sent by the sender's clock, in ms since 1970. */
  sentAt: number
  /** The same moment on the clock of the medium. */
  rtpTime: number
  /** The middle 32 bits of its NTP time, for the answer. */
  stamp: number
}

/** Reads the sender reports of a compound packet (RFC 3550, section 6.1); what is not needed, or cannot be read, is left out. */
export function parseRtcp(bytes: Buffer): SenderReport[] {
  const reports: SenderReport[] = []
  let at = 0
  for (let count = 0; count < MAX_PACKETS && at + 8 <= bytes.length; count++) {
    const head = bytes.readUInt8(at)
    const end = at + (bytes.readUInt16BE(at + 2) + 1) * 4
    if (head >> 6 !== 2 || end > bytes.length) return reports
    const body = bytes.subarray(at + 4, end)
    if (bytes.readUInt8(at + 1) === TYPE.senderReport && body.length >= 24) reports.push(readReport(body))
    at = end
  }
  return reports
}

function readReport(body: Buffer): SenderReport {
  const seconds = body.readUInt32BE(4)
  const fraction = body.readUInt32BE(8)
  return {
    ssrc: body.readUInt32BE(0),
    sentAt: (seconds - NTP_TO_UNIX_S + fraction / UINT32) * 1000,
    rtpTime: body.readUInt32BE(12),
    stamp: ((seconds % 65536) * 65536 + (fraction >>> 16)) >>> 0,
  }
}

/** How one source was received (RFC 3550, section 6.4.1). */
export interface ReportBlock {
  ssrc: number
  /** Share that was lost since the last report, in 1/256. */
  fractionLost: number
  /** All that was lost. */
  lost: number
  /** Highest sequence number, and how often they wrapped. */
  highest: number
  /** In units of the clock of the medium. */
  jitter: number
  /** The stamp of its last sender report, and for how long that has been here, in s; null before the first. */
  lastReport: { stamp: number; ageSeconds: number } | null
}

/** A receiver report of ours. At most 31 blocks. */
export function receiverReport(ssrc: number, blocks: readonly ReportBlock[]): Buffer {
  const bytes = Buffer.alloc(8 + blocks.length * 24)
  writeHead(bytes, blocks.length, TYPE.receiverReport)
  bytes.writeUInt32BE(ssrc, 4)
  for (const [index, block] of blocks.entries()) {
    const at = 8 + index * 24
    bytes.writeUInt32BE(block.ssrc, at)
    bytes.writeUInt8(block.fractionLost & 255, at + 4)
    bytes.writeIntBE(Math.max(-0x800000, Math.min(0x7fffff, block.lost)), at + 5, 3)
    bytes.writeUInt32BE(block.highest % UINT32, at + 8)
    bytes.writeUInt32BE(Math.min(UINT32 - 1, Math.round(block.jitter)), at + 12)
    if (block.lastReport) {
      bytes.writeUInt32BE(block.lastReport.stamp, at + 16)
      bytes.writeUInt32BE(Math.min(UINT32 - 1, Math.round(block.lastReport.ageSeconds * 65536)), at + 20)
    }
  }
  return bytes
}

/** Asks `media` for the packets with these sequence numbers, in order (RFC 4585, section 6.2.1). */
export function nack(ssrc: number, media: number, sequences: readonly number[]): Buffer {
  const items: { first: number; others: number }[] = []
  for (const sequence of sequences) {
    const item = items.at(-1)
    const behind = item ? sequence - item.first : 0
    if (item && behind > 0 && behind <= 16) item.others |= 1 << (behind - 1)
    else if (items.length < MAX_NACK_ITEMS) items.push({ first: sequence, others: 0 })
    else break
  }
  const bytes = Buffer.alloc(12 + items.length * 4)
  writeHead(bytes, FORMAT.nack, TYPE.transport)
  bytes.writeUInt32BE(ssrc, 4)
  bytes.writeUInt32BE(media, 8)
  for (const [index, { first, others }] of items.entries()) {
    bytes.writeUInt16BE(first & 0xffff, 12 + index * 4)
    bytes.writeUInt16BE(others, 14 + index * 4)
  }
  return bytes
}

/** Asks `media` for a keyframe (RFC 4585, section 6.3.1). */
export function pictureLoss(ssrc: number, media: number): Buffer {
  const bytes = Buffer.alloc(12)
  writeHead(bytes, FORMAT.pictureLoss, TYPE.payload)
  bytes.writeUInt32BE(ssrc, 4)
  bytes.writeUInt32BE(media, 8)
  return bytes
}

/** Writes the head of a packet that has no padding (RFC 3550, section 6.4.1). */
export function writeHead(bytes: Buffer, count: number, type: number): void {
  bytes.writeUInt8(VERSION | count, 0)
  bytes.writeUInt8(type, 1)
  bytes.writeUInt16BE(bytes.length / 4 - 1, 2)
}
