import { createHmac, timingSafeEqual } from 'node:crypto'
import { crc32 } from 'node:zlib'
import ipaddr from 'ipaddr.js'

/** Types of messages (RFC 8489, section 5, method Binding). */
const TYPE = { request: 0x0001, success: 0x0101, error: 0x0111 } as const
const MAGIC_COOKIE = 0x2112a442
const HEADER_BYTES = 20
/** Attributes (RFC 8489, section 14, and RFC 8445, section 16.1). */
const ATTRIBUTE = {
  username: 0x0006,
  integrity: 0x0008,
  errorCode: 0x0009,
  unknownAttributes: 0x000a,
  realm: 0x0014,
  nonce: 0x0015,
  integritySha256: 0x001c,
  xorMappedAddress: 0x0020,
  priority: 0x0024,
  useCandidate: 0x0025,
  fingerprint: 0x8028,
  iceControlled: 0x8029,
} as const
const UNDERSTOOD = new Set<number>(Object.values(ATTRIBUTE))
/** Attributes below it have to be understood (RFC 8489, section 14). */
const FIRST_OPTIONAL = 0x8000
const FINGERPRINT_XOR = 0x5354554e
const INTEGRITY_BYTES = 20
/** Most attributes that are read of one message. */
const MAX_ATTRIBUTES = 32

/** A Binding request, as far as ICE needs it. Nothing in it is to be believed before {@link isAuthentic}. */
export interface BindingRequest {
  bytes: Buffer
  transactionId: Buffer
  /** Ours and theirs: `OURS:THEIRS` (RFC 8445, section 7.2.2). */
  username: string
  /** Where its MESSAGE-INTEGRITY begins. */
  integrityAt: number
  /** Whether its sender chose this path. */
  nominates: boolean
  /** Whether its sender waits for us to choose, which ICE-lite never does. */
  isControlled: boolean
  /** Attributes that have to be understood, and are not. */
  unknown: number[]
}

/** Where a packet came from. */
export interface Endpoint {
  address: string
  port: number
}

/** Reads a Binding request; null for anything else, and for one without the attributes of ICE. `bytes` are at most a datagram. */
export function parseBindingRequest(bytes: Buffer): BindingRequest | null {
  if (bytes.length < HEADER_BYTES || bytes.readUInt16BE(0) !== TYPE.request) return null
  if (bytes.readUInt32BE(4) !== MAGIC_COOKIE || bytes.readUInt16BE(2) + HEADER_BYTES !== bytes.length) return null
  const found = new Map<number, { at: number; value: Buffer }>()
  let at = HEADER_BYTES
  for (let count = 0; at < bytes.length; count++) {
    if (count === MAX_ATTRIBUTES || at + 4 > bytes.length) return null
    const type = bytes.readUInt16BE(at)
    const length = bytes.readUInt16BE(at + 2)
    const end = at + 4 + length
    if (end > bytes.length) return null
    // What stands behind the integrity is not covered by it: but for the fingerprint, it is not read (RFC 8489, section 14.5).
    const isCovered = !found.has(ATTRIBUTE.integrity) || type === ATTRIBUTE.fingerprint
    if (isCovered && !found.has(type)) found.set(type, { at, value: bytes.subarray(at + 4, end) })
    at = at + 4 + Math.ceil(length / 4) * 4
  }
  const fingerprint = found.get(ATTRIBUTE.fingerprint)
  if (fingerprint && !isFingerprint(bytes, fingerprint)) return null
  const integrity = found.get(ATTRIBUTE.integrity)
  const username = found.get(ATTRIBUTE.username)?.value.toString('latin1')
  if (integrity?.value.length !== INTEGRITY_BYTES || username === undefined) return null
  return {
    bytes,
    transactionId: bytes.subarray(8, HEADER_BYTES),
    username,
    integrityAt: integrity.at,
    nominates: found.has(ATTRIBUTE.useCandidate),
    isControlled: found.has(ATTRIBUTE.iceControlled),
    unknown: [...found.keys()].filter((type) => type < FIRST_OPTIONAL && !UNDERSTOOD.has(type)),
  }
}

/** Whether its sender knows `password`, in constant time (RFC 8489, section 14.5). */
export function isAuthentic({ bytes, integrityAt }: BindingRequest, password: string): boolean {
  const at = integrityAt + 4
  return timingSafeEqual(
    integrityOf(bytes.subarray(0, integrityAt), password),
    bytes.subarray(at, at + INTEGRITY_BYTES),
  )
}

/** Tells the sender of an authentic request from where it came (RFC 8489, section 14.2). */
export function bindingSuccess(request: BindingRequest, { address, port }: Endpoint, password: string): Buffer {
  const ip = ipaddr.process(address)
  const bytes = Buffer.from(ip.toByteArray())
  const key = Buffer.concat([number(MAGIC_COOKIE, 4), request.transactionId])
  for (const [index, byte] of bytes.entries()) bytes[index] = byte ^ (key[index] ?? 0)
  const family = ip.kind() === 'ipv4' ? 1 : 2
  const mapped = Buffer.concat([number(family, 2), number(port ^ (MAGIC_COOKIE >>> 16), 2), bytes])
  return respond(TYPE.success, request, attribute(ATTRIBUTE.xorMappedAddress, mapped), password)
}

/** Refuses an authentic request that cannot be taken: null where there is no reason to. */
export function bindingError(request: BindingRequest, password: string): Buffer | null {
  if (request.unknown.length > 0) {
    const types = Buffer.concat(request.unknown.map((type) => number(type, 2)))
    const body = [errorCode(420, 'Unknown Attribute'), attribute(ATTRIBUTE.unknownAttributes, types)]
    return respond(TYPE.error, request, Buffer.concat(body), password)
  }
  // Both sides would wait for the other one (RFC 8445, section 7.3.1.1).
  if (request.isControlled) return respond(TYPE.error, request, errorCode(487, 'Role Conflict'), password)
  return null
}

function errorCode(code: number, reason: string): Buffer {
  const value = Buffer.concat([number(Math.floor(code / 100), 3), number(code % 100, 1), Buffer.from(reason)])
  return attribute(ATTRIBUTE.errorCode, value)
}

function respond(type: number, request: BindingRequest, body: Buffer, password: string): Buffer {
  const head = Buffer.concat([number(type, 2), number(0, 2), number(MAGIC_COOKIE, 4), request.transactionId])
  const plain = Buffer.concat([head, body])
  const sealed = Buffer.concat([plain, attribute(ATTRIBUTE.integrity, integrityOf(plain, password))])
  sealed.writeUInt16BE(sealed.length - HEADER_BYTES + 8, 2)
  return Buffer.concat([sealed, attribute(ATTRIBUTE.fingerprint, number(fingerprintOf(sealed), 4))])
}

/** The integrity of `bytes` when it follows them: the length in the head is that up to its end. */
function integrityOf(bytes: Buffer, password: string): Buffer {
  const copy = Buffer.from(bytes)
  copy.writeUInt16BE(bytes.length - HEADER_BYTES + 4 + INTEGRITY_BYTES, 2)
  return createHmac('sha1', password).update(copy).digest()
}

function isFingerprint(bytes: Buffer, { at, value }: { at: number; value: Buffer }): boolean {
  if (value.length !== 4 || at + 8 !== bytes.length) return false
  return value.readUInt32BE(0) === fingerprintOf(bytes.subarray(0, at))
}

function fingerprintOf(bytes: Buffer): number {
  return (crc32(bytes) ^ FINGERPRINT_XOR) >>> 0
}

function attribute(type: number, value: Buffer): Buffer {
  const padding = Buffer.alloc(Math.ceil(value.length / 4) * 4 - value.length)
  return Buffer.concat([number(type, 2), number(value.length, 2), value, padding])
}

function number(value: number, bytes: number): Buffer {
  const buffer = Buffer.alloc(bytes)
  buffer.writeUIntBE(value >>> 0, 0, bytes)
  return buffer
}
