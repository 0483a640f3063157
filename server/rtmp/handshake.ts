import { createHmac, randomBytes } from 'node:crypto'
import { RtmpError } from './messages.ts'

/** Bytes of C1, C2, S1 and S2 (RTMP 1.0, section 5.2.3). */
export const HANDSHAKE_BYTES = 1536

const VERSION = 3
const DIGEST_BYTES = 32

/** What Flash Player 9 and what came after it sign with; no secrets, and the same everywhere. */
const COMMON_KEY = Buffer.from('f0eec24a8068bee82e00d0d1029e7e576eec5d2d29806fab93b8e636cfeb31ae', 'hex')
const PLAYER_NAME = Buffer.from('Genuine Adobe Flash Player 001')
const SERVER_NAME = Buffer.from('Genuine Adobe Flash Media Server 001')
const SERVER_KEY = Buffer.concat([SERVER_NAME, COMMON_KEY])

/** Where the digest of C1 and S1 lies: four bytes at `from` say how far behind them. There are two ways to arrange it. */
const SCHEMES = [{ from: 772 }, { from: 8 }] as const
const MAX_DIGEST_OFFSET = 728

/** S0, S1 and S2 for C0 and C1. */
export function answerHandshake(c0c1: Buffer): Buffer {
  if (c0c1[0] !== VERSION) throw new RtmpError(`The version of RTMP is ${VERSION}, not ${c0c1[0]}.`)
  const c1 = c0c1.subarray(1, 1 + HANDSHAKE_BYTES)
  // Without a version, it is the plain handshake of the specification, which echoes.
  const digest = c1.readUInt32BE(4) === 0 ? null : clientDigest(c1)
  if (digest === null) return Buffer.concat([Buffer.from([VERSION]), plain(), c1])
  return Buffer.concat([Buffer.from([VERSION]), signedS1(digest.from), signedS2(digest.bytes)])
}

/** C0 and C1 of the plain handshake. */
export function beginHandshake(): Buffer {
  return Buffer.concat([Buffer.from([VERSION]), plain()])
}

/** C2 for S0, S1 and S2: what S1 had. */
export function finishHandshake(s0s1: Buffer): Buffer {
  if (s0s1[0] !== VERSION) throw new RtmpError(`The server speaks version ${s0s1[0]} of RTMP, and not ${VERSION}.`)
  return Buffer.from(s0s1.subarray(1, 1 + HANDSHAKE_BYTES))
}

/** A time of 0, a version of 0, and bytes of no meaning. */
function plain(): Buffer {
  return Buffer.concat([Buffer.alloc(8), randomBytes(HANDSHAKE_BYTES - 8)])
}

/** The digest that a Flash Player, or one who imitates it, put into C1; null where there is none. */
function clientDigest(c1: Buffer): { bytes: Buffer; from: number } | null {
  for (const { from } of SCHEMES) {
    const at = digestAt(c1, from)
    const bytes = c1.subarray(at, at + DIGEST_BYTES)
    if (digestOf(c1, at, PLAYER_NAME).equals(bytes)) return { bytes, from }
  }
  return null
}

function signedS1(from: number): Buffer {
  const s1 = randomBytes(HANDSHAKE_BYTES)
  s1.writeUInt32BE(0, 0)
  s1.writeUInt32BE(0x05000101, 4)
  const at = digestAt(s1, from)
  digestOf(s1, at, SERVER_NAME).copy(s1, at)
  return s1
}

function signedS2(digestOfClient: Buffer): Buffer {
  const random = randomBytes(HANDSHAKE_BYTES - DIGEST_BYTES)
  const key = createHmac('sha256', SERVER_KEY).update(digestOfClient).digest()
  return Buffer.concat([random, createHmac('sha256', key).update(random).digest()])
}

function digestAt(bytes: Buffer, from: number): number {
  let sum = 0
  for (const byte of bytes.subarray(from, from + 4)) sum += byte
  return from + 4 + (sum % MAX_DIGEST_OFFSET)
}

/** Of all bytes but the digest's own. */
function digestOf(bytes: Buffer, at: number, key: Buffer): Buffer {
  return createHmac('sha256', key)
    .update(bytes.subarray(0, at))
    .update(bytes.subarray(at + DIGEST_BYTES, HANDSHAKE_BYTES))
    .digest()
}
