/** Types of RTCP packets (RFC 3550, section 12.1; RFC 4585, section 6.1). */
const TYPE = { senderReport: 200, receiverReport: 201, sourceDescription: 202, transport: 205, payload: 206 } as const
/** Kinds of feedback (RFC 4585, sections 6.2.1 and 6.3.1). */
const FORMAT = { nack: 1, pictureLoss: 1 } as const
const VERSION = 0x80
/** Most packets that one NACK names. */
const MAX_NACKED = 512
/** Seconds from 1900, as NTP counts, to 1970. */
const NTP_TO_UNIX_S = 2_208_988_800
const UINT32 = 2 ** 32
/** Most packets that are read of one datagram. */
const MAX_PACKETS = 32
/** Most items of one NACK: each names up to 17 packets. */
const MAX_NACK_ITEMS = 64

/** What a sender says of its clock (RFC 3550, section 6.4.1). */
export interface SenderReport {
  kind: 'sender-report'
  ssrc: number
  /** When it was sent by the sender's clock, in ms since 1970. */
  sentAt: number
  /** The same moment on the clock of the medium. */
  rtpTime: number
  /** The middle 32 bits of its NTP time, for the answer. */
  stamp: number
}

/** What a viewer lacks (RFC 4585, section 6.2.1). */
export interface Nack {
  kind: 'nack'
  ssrc: number
  sequences: number[]
}

/** How a viewer receives what comes from `ssrc` (RFC 3550, section 6.4.2). */
export interface ReceiverReport {
  kind: 'receiver-report'
  ssrc: number
  /** Share that was lost since the last one, from 0 to 1. */
  lost: number
}

/** What is read of the other side. */
export type Report = SenderReport | ReceiverReport | Nack

/** Reads the packets of a compound one (RFC 3550, section 6.1); what is not needed, or cannot be read, is left out. */
export function parseRtcp(bytes: Buffer): Report[] {
  const reports: Report[] = []
  let at = 0
  for (let count = 0; count < MAX_PACKETS && at + 8 <= bytes.length; count++) {
    const head = bytes.readUInt8(at)
    const end = at + (bytes.readUInt16BE(at + 2) + 1) * 4
    if (head >> 6 !== 2 || end > bytes.length) return reports
    const body = bytes.subarray(at + 4, end)
    reports.push(...read(bytes.readUInt8(at + 1), head & 31, body))
    at = end
  }
  return reports
}

function read(type: number, count: number, body: Buffer): Report[] {
  if (type === TYPE.senderReport && body.length >= 24) return [readSenderReport(body), ...readBlocks(body, 24, count)]
  if (type === TYPE.receiverReport) return readBlocks(body, 4, count)
  if (type === TYPE.transport && count === FORMAT.nack && body.length >= 8) return [readNack(body)]
  return []
}

function readBlocks(body: Buffer, begin: number, count: number): ReceiverReport[] {
  const blocks: ReceiverReport[] = []
  for (let at = begin; blocks.length < count && at + 24 <= body.length; at += 24) {
    blocks.push({ kind: 'receiver-report', ssrc: body.readUInt32BE(at), lost: body.readUInt8(at + 4) / 256 })
  }
  return blocks
}

function readNack(body: Buffer): Nack {
  const sequences: number[] = []
  for (let at = 8; at + 4 <= body.length && sequences.length < MAX_NACKED; at += 4) {
    const [first, others] = [body.readUInt16BE(at), body.readUInt16BE(at + 2)]
    sequences.push(first)
    for (let bit = 0; bit < 16; bit++) if (others & (1 << bit)) sequences.push((first + bit + 1) & 0xffff)
  }
  return { kind: 'nack', ssrc: body.readUInt32BE(4), sequences }
}

function readSenderReport(body: Buffer): SenderReport {
  const seconds = body.readUInt32BE(4)
  const fraction = body.readUInt32BE(8)
  return {
    kind: 'sender-report',
    ssrc: body.readUInt32BE(0),
    sentAt: (seconds - NTP_TO_UNIX_S + fraction / UINT32) * 1000,
    rtpTime: body.readUInt32BE(12),
    stamp: ((seconds % 65536) * 65536 + (fraction >>> 16)) >>> 0,
  }
}

/** What we say of our clock (RFC 3550, section 6.4.1): `rtpTime` was at `sentAt`, in ms since 1970. */
export function senderReport(
  ssrc: number,
  { sentAt, rtpTime, packets, octets }: { sentAt: number; rtpTime: number; packets: number; octets: number },
): Buffer {
  const bytes = Buffer.alloc(28)
  writeHead(bytes, 0, TYPE.senderReport)
  const seconds = Math.floor(sentAt / 1000)
  bytes.writeUInt32BE(ssrc, 4)
  bytes.writeUInt32BE((seconds + NTP_TO_UNIX_S) % UINT32, 8)
  bytes.writeUInt32BE(Math.floor(((sentAt - seconds * 1000) / 1000) * UINT32), 12)
  bytes.writeUInt32BE(rtpTime % UINT32, 16)
  bytes.writeUInt32BE(packets % UINT32, 20)
  bytes.writeUInt32BE(octets % UINT32, 24)
  return bytes
}

/** The name that binds our sources together (RFC 3550, section 6.5.1). */
export function sourceDescription(ssrc: number, name: string): Buffer {
  const text = Buffer.from(name)
  const bytes = Buffer.alloc(Math.ceil((8 + 2 + text.length + 1) / 4) * 4)
  writeHead(bytes, 1, TYPE.sourceDescription)
  bytes.writeUInt32BE(ssrc, 4)
  bytes.writeUInt8(1, 8)
  bytes.writeUInt8(text.length, 9)
  text.copy(bytes, 10)
  return bytes
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
