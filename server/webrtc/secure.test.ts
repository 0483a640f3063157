import { beforeAll, describe, expect, it } from 'vitest'
import { DtlsClient, DtlsServer, RtpHeader, SrtcpSession, SrtpSession } from 'werift'
import { receiverReport } from './rtcp.ts'
import { type Fingerprint, type Identity, ownIdentity, SecureTransport } from './secure.ts'

let ours: Identity
/** A certificate of somebody else. */
let other: { certPem: string; keyPem: string }
beforeAll(async () => {
  ours = await ownIdentity()
  const { CipherContext, HashAlgorithm, SignatureAlgorithm } = ours.library
  other = await CipherContext.createSelfSignedCertificateWithKey({
    signature: SignatureAlgorithm.ecdsa_3,
    hash: HashAlgorithm.sha256_4,
  })
})

/** How the two sides ended: `open`, or the words of the refusal. */
interface Pair {
  secure: SecureTransport
  result: Promise<string>
  /** What the other side has. */
  client: DtlsClient | DtlsServer
  /** Gives `bytes` to our side, as if they came from the other one. */
  inject(bytes: Buffer): void
  closed: boolean
}

interface PairOptions {
  fingerprints?: Fingerprint[]
  keyPem?: string
  extendedMasterSecret?: boolean
  isClient?: boolean
  /** Sees what comes from the other side, and may change or add to it. */
  tap?(bytes: Buffer): Buffer[]
}

/** Our side and the library's other one, joined in memory. */
function pair(options: PairOptions = {}): Pair {
  const { keyPem, extendedMasterSecret = true, isClient = false, tap = (bytes) => [bytes] } = options
  const { certificate } = ours
  const fingerprints = options.fingerprints ?? [ours.fingerprint]
  const transport = {
    ...{ type: 'udp', address: { address: '', family: '', port: 0 }, closed: false, close: async () => {} },
    onData: (_bytes: Buffer, _from: readonly [string, number]) => {},
    send: async (bytes: Buffer) => {
      for (const each of tap(bytes)) setImmediate(() => secure.takeDtls(each))
    },
  }
  const dtls = {
    ...{ transport, cert: certificate.certPem, key: keyPem ?? certificate.privateKey },
    ...{ signatureHash: certificate.signatureHash, srtpProfiles: [7 as const, 1 as const], extendedMasterSecret },
  }
  const client = isClient ? new DtlsServer({ ...dtls, certificateRequest: true }) : new DtlsClient(dtls)
  // Its own doubts are not what is tested.
  client.onError.subscribe(() => {})
  let settle = (_: string) => {}
  const result = new Promise<string>((resolve) => {
    settle = resolve
  })
  const found: Pair = {
    ...{ result, client, closed: false },
    inject: (bytes) => secure.takeDtls(bytes),
    get secure() {
      return secure
    },
  }
  const secure: SecureTransport = new SecureTransport({
    ...{ identity: ours, fingerprints, isClient },
    send: (bytes) => void setImmediate(() => transport.onData(bytes, ['', 0])),
    onOpen: () => settle('open'),
    onFailed: (reason) => settle(reason),
    onClosed: () => {
      found.closed = true
    },
  })
  if (isClient) secure.begin()
  else (client as DtlsClient).connect().catch(() => {})
  return found
}

/** The keys of the other side, when it has them too. */
async function remoteKeys({ client, result }: Pair): Promise<{ rtp: SrtpSession; rtcp: SrtcpSession }> {
  expect(await result).toBe('open')
  await expect.poll(() => client.connected).toBe(true)
  const { localKey, localSalt, remoteKey, remoteSalt } = client.extractSessionKeys(16, 12)
  const keys = {
    ...{ localMasterKey: localKey, localMasterSalt: localSalt },
    ...{ remoteMasterKey: remoteKey, remoteMasterSalt: remoteSalt },
  }
  return { rtp: new SrtpSession({ keys, profile: 7 }), rtcp: new SrtcpSession({ keys, profile: 7 }) }
}

const seal = (rtp: SrtpSession, sequenceNumber: number, text = 'payload') =>
  rtp.encrypt(
    Buffer.from(text),
    new RtpHeader({ version: 2, payloadType: 96, sequenceNumber, timestamp: 1, ssrc: 7, payloadOffset: 12 }),
  )

const alert = (epoch: number) => Buffer.from([21, 0xfe, 0xfd, 0, epoch, 0, 0, 0, 0, 0, 9, 0, 2, 1, 0])

describe('DTLS', () => {
  it.each([[false], [true]])(
    'is opened where the certificate is the one of the offer (we begin: %s)',
    async (isClient) => {
      const made = pair({ isClient })
      expect(await made.result).toBe('open')
      made.secure.close()
    },
  )

  it.each([[false], [true]])('is refused where the certificate is another one (we begin: %s)', async (isClient) => {
    const fingerprint = { algorithm: 'sha-256', value: ours.fingerprint.value.replace(/^../, '00') }
    const made = pair({ isClient, fingerprints: [fingerprint] })
    expect(await made.result).toBe("The client's certificate is not the one of its offer.")
  })

  // Who listened to a handshake has the certificate, and not its key. The library would let them in.
  it.each([[false], [true]])(
    'is refused where the other side has not the key of it (we begin: %s)',
    async (isClient) => {
      const made = pair({ isClient, keyPem: other.keyPem })
      expect(await made.result).toBe('The client does not have the key of its certificate.')
    },
  )

  it('is refused without an extended master secret (RFC 7627)', async () => {
    const made = pair({ extendedMasterSecret: false })
    expect(await made.result).toBe('The client has no extended master secret (RFC 7627).')
  })

  it('is not finished by a message in the clear', async () => {
    const finished = Buffer.concat([
      Buffer.from([22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 5, 0, 24, 20, 0, 0, 12, 0, 3, 0, 0, 0, 0, 0, 12]),
      Buffer.alloc(12),
    ])
    let sent = 0
    // It stands for the last flight, which never comes.
    const made = pair({ tap: (bytes) => (sent++ < 2 ? [bytes] : [finished]) })
    const waited = new Promise<string>((resolve) => setTimeout(() => resolve('not open'), 1500))
    expect(await Promise.race([made.result, waited])).toBe('not open')
    expect(made.secure.isOpen).toBe(false)
    made.secure.close()
  })

  it('is closed by what the client says, and by nobody else', async () => {
    const made = pair()
    await remoteKeys(made)
    for (const epoch of [0, 1, 2]) made.inject(alert(epoch))
    // A hello in the clear would begin anew.
    made.inject(Buffer.concat([Buffer.from([22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 9, 0, 12, 1]), Buffer.alloc(11)]))
    expect([made.closed, made.secure.isOpen]).toEqual([false, true])
    const { cipher, dtls, sessionType } = made.client
    const sequenceNumber = ++dtls.recordSequenceNumber
    const header = { type: 21, version: 0xfefd, epoch: 1, sequenceNumber }
    const sealed = cipher.cipher.encrypt(sessionType, Buffer.from([1, 0]), header)
    const head = Buffer.from([21, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, sequenceNumber, 0, sealed.length])
    made.inject(Buffer.concat([head, sealed]))
    expect(made.closed).toBe(true)
  })

  it('holds no more of a handshake than there is in one', async () => {
    const made = pair({ tap: () => [] })
    for (let count = 0; count < 200; count++)
      made.inject(Buffer.concat([Buffer.from([22, 0xfe, 0xfd]), Buffer.alloc(1000)]))
    const record = Buffer.concat([Buffer.from([20, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0]), Buffer.alloc(1024)])
    for (let count = 0; count < 200; count++) made.inject(record)
    expect(await made.result).toBe('The DTLS handshake has no end.')
  })
})

describe('SRTP', () => {
  it('is opened once, where it is authentic', async () => {
    const made = pair()
    const { rtp, rtcp } = await remoteKeys(made)
    const packet = seal(rtp, 10)
    const changed = Buffer.from(packet)
    changed[14] = (changed[14] ?? 0) ^ 1
    expect(made.secure.openRtp(changed)).toBeNull()
    expect(made.secure.openRtp(packet)?.subarray(12).toString()).toBe('payload')
    expect(made.secure.openRtp(packet)).toBeNull()
    const report = rtcp.encrypt(receiverReport(7, []))
    expect(made.secure.openRtcp(report)?.length).toBe(8)
    expect(made.secure.openRtcp(report)).toBeNull()
    made.secure.close()
  })

  it('goes on where 500 packets are lost at the end of their numbers', async () => {
    const made = pair()
    const { rtp } = await remoteKeys(made)
    const at = (from: number, to: number) =>
      Array.from({ length: to - from }, (_, index) => seal(rtp, (from + index) & 0xffff))
    const sent = at(65_000, 66_600)
    const got = [...sent.slice(0, 300), ...sent.slice(800)].map((packet) => made.secure.openRtp(packet))
    expect(got.every((packet) => packet !== null)).toBe(true)
    made.secure.close()
  })

  it('is taken of 16 sources and no more', async () => {
    const made = pair()
    const { rtp } = await remoteKeys(made)
    const opened = Array.from({ length: 20 }, (_, ssrc) => {
      const header = { version: 2, payloadType: 96, sequenceNumber: 1, timestamp: 1, ssrc, payloadOffset: 12 }
      return made.secure.openRtp(rtp.encrypt(Buffer.from('x'), new RtpHeader(header))) !== null
    })
    expect(opened.filter(Boolean)).toHaveLength(16)
    made.secure.close()
  })
})
