import { createHash, verify as verifySignature, X509Certificate } from 'node:crypto'
import type {
  CipherContext,
  DtlsClient,
  DtlsServer,
  RTCCertificate,
  RtpHeader,
  SrtcpSession,
  SrtpSession,
} from 'werift'
import { isSame } from '../process/secret.ts'
import { ReplayWindow, SequenceExtender } from './replay-window.ts'

/** Kinds of records (RFC 6347, section 4.1; RFC 5246, section 7). */
const RECORD = { changeCipherSpec: 20, alert: 21, handshake: 22 } as const
const RECORD_HEAD_BYTES = 13
const HANDSHAKE_HEAD_BYTES = 12
/** Handshake messages (RFC 5246, section 7.4). */
const MESSAGE = { serverKeyExchange: 12, certificateVerify: 15, finished: 20 } as const
/** Largest handshake message: certificates of WebRTC have some hundred bytes. */
const MAX_MESSAGE_BYTES = 16 * 1024
/** Most bytes of a handshake, with what was sent again. */
const MAX_HANDSHAKE_BYTES = 128 * 1024
/** Bytes of the head of a packet of RTP, without extensions. */
const HEAD_BYTES = 12
/** Most sources of a session: a picture, what is sent again of it, and a sound, and those after a restart. */
const MAX_SOURCES = 16
const CLOSE_NOTIFY = Buffer.from([1, 0])
const DTLS_1_2 = 0xfefd
/** AES-128-GCM (RFC 7714), and AES-CM with HMAC-SHA1 for those who have no other (RFC 5764, section 4.1.2). */
const PROFILES = [7, 1] as const
const KEY_BYTES = 16
const SALT_BYTES = { 7: 12, 1: 14 } as const
/** Tells the flight that waits for an answer to wait no more. */
const LAST_FLIGHT = 100
const HASHES = new Map([
  ['sha-1', 'sha1'],
  ['sha-224', 'sha224'],
  ['sha-256', 'sha256'],
  ['sha-384', 'sha384'],
  ['sha-512', 'sha512'],
])
/** Hashes of signatures (RFC 5246, section 7.4.1.4.1). */
const SIGNATURE_HASHES = new Map([
  [4, 'sha256'],
  [5, 'sha384'],
  [6, 'sha512'],
])

/** A certificate's hash, as an SDP says it (RFC 8122, section 5). */
export interface Fingerprint {
  /** `sha-256` and such, in small letters. */
  algorithm: string
  /** Pairs of hexadecimal digits, in capitals, with colons between them. */
  value: string
}

/** Whether a hash of this name can be checked; MD5 and MD2 cannot be relied on. */
export function isFingerprintAlgorithm(algorithm: string): boolean {
  return HASHES.has(algorithm)
}

/** Our certificate, and what DTLS and SRTP are made with. */
export interface Identity {
  fingerprint: Fingerprint
  certificate: RTCCertificate
  library: typeof import('werift')
}

let identity: Promise<Identity> | null = null

/** Makes a certificate, once in a process. It is not done before somebody wants it: the library takes 30 MB. */
export function ownIdentity(): Promise<Identity> {
  identity ??= makeIdentity()
  return identity
}

async function makeIdentity(): Promise<Identity> {
  const library = await import('werift')
  const certificate = await library.RTCDtlsTransport.SetupCertificate()
  const [found] = certificate.getFingerprints()
  if (!found) throw new Error('the certificate has no fingerprint')
  return {
    library,
    certificate,
    fingerprint: { algorithm: found.algorithm.toLowerCase(), value: found.value.toUpperCase() },
  }
}

/** The head of a packet that is sent (RFC 3550, section 5.1), without extensions. */
export interface RtpHead {
  payloadType: number
  marker: boolean
  /** Without an end: its low 16 bits are sent. */
  index: number
  /** 32 bits. */
  timestamp: number
  ssrc: number
}

/** What a session needs for its encryption. */
export interface SecureOptions {
  identity: Identity
  /** One of these is that of the client's certificate. */
  fingerprints: readonly Fingerprint[]
  /** Whether the client waits for us to begin. */
  isClient: boolean
  send(bytes: Buffer): void
  /** The keys are there. */
  onOpen(): void
  /** It cannot be opened, in words. */
  onFailed(reason: string): void
  /** The client has closed it. */
  onClosed(): void
}

/**
 * DTLS-SRTP of one session (RFC 5763, 5764), by werift's classes, and the only place that knows them. They leave out some of what the RFCs demand,
 * and that is done here: the client's signature is checked, messages that have to be encrypted are taken in no other way, alerts count when they are
 * authentic, nothing is renegotiated, rollovers are told as RFC 3711 says it, and replayed packets are dropped.
 */
export class SecureTransport {
  readonly #options: SecureOptions
  readonly #dtls: DtlsServer | DtlsClient
  readonly #toDtls: (bytes: Buffer) => void
  #handshakeBytes = 0
  #keys: { rtp: SrtpSession; rtcp: SrtcpSession } | null = null
  readonly #sequences = new Map<number, SequenceExtender>()
  readonly #reports = new ReplayWindow()
  #isClosed = false

  constructor(options: SecureOptions) {
    this.#options = options
    const { library, certificate } = options.identity
    const transport = {
      ...{ type: 'udp', address: { address: '', family: '', port: 0 }, closed: false },
      onData: (_bytes: Buffer, _from: readonly [string, number]) => {},
      send: async (bytes: Buffer) => {
        if (!this.#isClosed) options.send(bytes)
      },
      close: async () => {},
    }
    const shared = {
      ...{
        transport,
        cert: certificate.certPem,
        key: certificate.privateKey,
        signatureHash: certificate.signatureHash,
      },
      ...{ srtpProfiles: [...PROFILES], extendedMasterSecret: true },
    }
    // A client that is told to ask for certificates never finishes.
    this.#dtls = options.isClient
      ? new library.DtlsClient(shared)
      : new library.DtlsServer({ ...shared, certificateRequest: true })
    this.#toDtls = (bytes) => transport.onData(bytes, ['', 0])
    this.#dtls.onConnect.once(() => this.#open())
    this.#dtls.onError.subscribe(() => this.#fail('The DTLS handshake failed.'))
  }

  get isOpen(): boolean {
    return this.#keys !== null
  }

  /** Begins the handshake, where that is ours to do. */
  begin(): void {
    if (!('connect' in this.#dtls)) return
    this.#dtls.connect().catch(() => this.#fail('The client did not answer the DTLS handshake.'))
  }

  /** Takes a datagram of DTLS. */
  takeDtls(bytes: Buffer): void {
    if (this.#isClosed) return
    const records = recordsOf(bytes)
    if (records === null) return
    if (this.#keys) {
      for (const record of records) this.#takeLater(record)
      return
    }
    this.#handshakeBytes += bytes.length
    if (this.#handshakeBytes > MAX_HANDSHAKE_BYTES) return this.#fail('The DTLS handshake has no end.')
    if (records.every(isOfHandshake)) this.#toDtls(bytes)
  }

  /** The packet within one of SRTP (RFC 3711); null for one that is not authentic, or was there before. */
  openRtp(bytes: Buffer): Buffer | null {
    if (!this.#keys || bytes.length < 12) return null
    const ssrc = bytes.readUInt32BE(8)
    const known = this.#sequences.get(ssrc)
    if (!known && this.#sequences.size >= MAX_SOURCES) return null
    const extender = known ?? new SequenceExtender()
    const index = extender.guess(bytes.readUInt16BE(2))
    if (!extender.isNew(index)) return null
    try {
      const [packet] = this.#keys.rtp.remoteContext.cipher.decryptRtp(bytes, Math.floor(index / 65536))
      extender.take(index)
      this.#sequences.set(ssrc, extender)
      return packet
    } catch {
      return null
    }
  }

  /** The packet within one of SRTCP; null as above. */
  openRtcp(bytes: Buffer): Buffer | null {
    if (!this.#keys) return null
    try {
      const packet = this.#keys.rtcp.decrypt(bytes)
      const tag = this.#keys.rtcp.remoteContext.profile === 1 ? 10 : 0
      const index = bytes.readUInt32BE(bytes.length - tag - 4) & 0x7fffffff
      if (!this.#reports.isNew(index)) return null
      this.#reports.take(index)
      return packet
    } catch {
      return null
    }
  }

  /** Sends a packet of RTP; nothing happens before the keys are there. */
  sendRtp({ payloadType, marker, index, timestamp, ssrc }: RtpHead, payload: Buffer): void {
    if (!this.#keys || this.#isClosed) return
    const bytes = Buffer.alloc(HEAD_BYTES)
    bytes.writeUInt8(0x80, 0)
    bytes.writeUInt8((marker ? 0x80 : 0) | payloadType, 1)
    bytes.writeUInt16BE(index % 65536, 2)
    bytes.writeUInt32BE(timestamp, 4)
    bytes.writeUInt32BE(ssrc, 8)
    // The library needs no more of its own header than this.
    const header = { ssrc, sequenceNumber: index % 65536, serializeSize: HEAD_BYTES, serialize: () => bytes }
    const { cipher } = this.#keys.rtp.localContext
    this.#options.send(cipher.encryptRtp(header as unknown as RtpHeader, payload, Math.floor(index / 65536)))
  }

  /** Sends a packet of RTCP; nothing happens before the keys are there. */
  sendRtcp(packet: Buffer): void {
    if (this.#keys && !this.#isClosed) this.#options.send(this.#keys.rtcp.encrypt(packet))
  }

  /** Tells the client that it is over (RFC 5246, section 7.2.1). Idempotent. */
  close(): void {
    if (this.#isClosed) return
    if (this.#keys) this.#options.send(this.#closeNotify())
    this.#end()
  }

  #end(): void {
    this.#isClosed = true
    this.#dtls.dtls.flight = LAST_FLIGHT
  }

  #fail(reason: string): void {
    if (this.#isClosed || this.#keys) return
    this.#end()
    this.#options.onFailed(reason)
  }

  #open(): void {
    if (this.#isClosed || this.#keys) return
    const problem = this.#problem()
    if (problem !== null) return this.#fail(problem)
    const profile = this.#dtls.srtp.srtpProfile === 1 ? 1 : 7
    const { localKey, localSalt, remoteKey, remoteSalt } = this.#dtls.extractSessionKeys(KEY_BYTES, SALT_BYTES[profile])
    const keys = {
      ...{ localMasterKey: localKey, localMasterSalt: localSalt },
      ...{ remoteMasterKey: remoteKey, remoteMasterSalt: remoteSalt },
    }
    const { SrtpSession, SrtcpSession } = this.#options.identity.library
    this.#keys = { rtp: new SrtpSession({ keys, profile }), rtcp: new SrtcpSession({ keys, profile }) }
    this.#options.onOpen()
  }

  /** Why what was agreed is not to be trusted, in words; null where it is. */
  #problem(): string | null {
    const { remoteCertificate, dtls, srtp } = this.#dtls
    if (srtp.srtpProfile === undefined) return 'The client has no SRTP that is taken: AES-128-GCM or AES-CM.'
    // It binds the keys to all that was said (RFC 7627); without it, what was said could have been changed.
    if (!dtls.remoteExtendedMasterSecret) return 'The client has no extended master secret (RFC 7627).'
    if (!remoteCertificate) return 'The client has no certificate.'
    if (!this.#options.fingerprints.some((each) => isFingerprintOf(each, remoteCertificate))) {
      return "The client's certificate is not the one of its offer."
    }
    if (!this.#isSigned(remoteCertificate)) return 'The client does not have the key of its certificate.'
    return null
  }

  /** Whether the other side has the key of its certificate: the library does not look (RFC 5246, sections 7.4.3 and 7.4.8). */
  #isSigned(certificate: Buffer): boolean {
    const messages = this.#dtls.dtls.sortedHandshakeCache
    const type = this.#options.isClient ? MESSAGE.serverKeyExchange : MESSAGE.certificateVerify
    const at = messages.findIndex(({ msg_type }) => msg_type === type)
    const message = messages[at]
    if (!message) return false
    if (!this.#options.isClient) {
      const signed = Buffer.concat(messages.slice(0, at).map((each) => each.serialize()))
      return isSignature(certificate, message.fragment, signed)
    }
    // The curve, and the point on it, are what is signed.
    const { localRandom, remoteRandom } = this.#dtls.cipher
    const end = 4 + (message.fragment[3] ?? 0)
    const parameters = message.fragment.subarray(0, end)
    const signed = Buffer.concat([localRandom.serialize(), remoteRandom.serialize(), parameters])
    return isSignature(certificate, message.fragment.subarray(end), signed)
  }

  /** After the handshake: its last message again, where ours was lost, and alerts. Only what is encrypted counts. */
  #takeLater({ type, epoch, bytes }: DtlsRecord): void {
    if (epoch !== 1) return
    if (type === RECORD.handshake) this.#toDtls(bytes)
    if (type === RECORD.alert && this.#isAlert(bytes)) {
      this.#end()
      this.#options.onClosed()
    }
  }

  #isAlert(bytes: Buffer): boolean {
    const recordLayerHeader = {
      ...{ contentType: RECORD.alert, protocolVersion: { major: 254, minor: 253 }, epoch: 1 },
      ...{ sequenceNumber: bytes.readUIntBE(5, 6), contentLen: bytes.length - RECORD_HEAD_BYTES },
    }
    try {
      const plain = { recordLayerHeader, fragment: bytes.subarray(RECORD_HEAD_BYTES) }
      this.#dtls.cipher.decryptPacket(plain as Parameters<CipherContext['decryptPacket']>[0])
      return true
    } catch {
      return false
    }
  }

  #closeNotify(): Buffer {
    const { cipher, dtls, sessionType } = this.#dtls
    const sequenceNumber = ++dtls.recordSequenceNumber
    const header = { type: RECORD.alert, version: DTLS_1_2, epoch: 1, sequenceNumber }
    const sealed = cipher.cipher.encrypt(sessionType, CLOSE_NOTIFY, header)
    const head = Buffer.alloc(RECORD_HEAD_BYTES)
    head.writeUInt8(RECORD.alert, 0)
    head.writeUInt16BE(DTLS_1_2, 1)
    head.writeUInt16BE(1, 3)
    head.writeUIntBE(sequenceNumber, 5, 6)
    head.writeUInt16BE(sealed.length, 11)
    return Buffer.concat([head, sealed])
  }
}

/** A record of DTLS, with its head. */
interface DtlsRecord {
  type: number
  epoch: number
  bytes: Buffer
}

/** The records of a datagram; null where they cannot be told. */
function recordsOf(bytes: Buffer): DtlsRecord[] | null {
  const records: DtlsRecord[] = []
  for (let at = 0; at < bytes.length; ) {
    if (at + RECORD_HEAD_BYTES > bytes.length) return null
    const end = at + RECORD_HEAD_BYTES + bytes.readUInt16BE(at + 11)
    if (end > bytes.length) return null
    records.push({ type: bytes.readUInt8(at), epoch: bytes.readUInt16BE(at + 3), bytes: bytes.subarray(at, end) })
    at = end
  }
  return records
}

/** Whether the library may see a record before there are keys: no message that is too large, none in the clear that has to be encrypted. */
function isOfHandshake({ type, epoch, bytes }: DtlsRecord): boolean {
  if (type === RECORD.changeCipherSpec) return true
  if (type !== RECORD.handshake) return false
  if (epoch > 0) return epoch === 1
  for (let at = RECORD_HEAD_BYTES; at < bytes.length; ) {
    if (at + HANDSHAKE_HEAD_BYTES > bytes.length) return false
    const length = bytes.readUIntBE(at + 1, 3)
    const fragment = { offset: bytes.readUIntBE(at + 6, 3), length: bytes.readUIntBE(at + 9, 3) }
    if (bytes.readUInt8(at) === MESSAGE.finished || length > MAX_MESSAGE_BYTES) return false
    if (fragment.offset + fragment.length > length) return false
    at += HANDSHAKE_HEAD_BYTES + fragment.length
    if (at > bytes.length) return false
  }
  return true
}

function isFingerprintOf({ algorithm, value }: Fingerprint, certificate: Buffer): boolean {
  const hash = HASHES.get(algorithm)
  if (hash === undefined) return false
  return isSame(createHash(hash).update(certificate).digest('hex').toUpperCase(), value.replaceAll(':', ''))
}

/** Whether `signature`, as TLS writes it, is of `signed` by the key of `certificate`. */
function isSignature(certificate: Buffer, signature: Buffer, signed: Buffer): boolean {
  if (signature.length < 4) return false
  const hash = SIGNATURE_HASHES.get(signature.readUInt8(0))
  const length = signature.readUInt16BE(2)
  if (hash === undefined || signature.length < 4 + length) return false
  try {
    const { publicKey } = new X509Certificate(certificate)
    return verifySignature(hash, signed, publicKey, signature.subarray(4, 4 + length))
  } catch {
    return false
  }
}
