import { GatewayError } from '../../shared/errors.ts'
import type { IceCredentials } from './ice-agent.ts'
import { type Fingerprint, isFingerprintAlgorithm } from './secure.ts'
import type { Endpoint } from './stun.ts'

/** Largest description that is read, in bytes. */
export const MAX_SDP_BYTES = 64 * 1024
/** Most lines of it, and most of its media: a picture and a sound (RFC 9725, section 4.4.1). */
const MAX_LINES = 2000
const MAX_MEDIA = 2
const PROTOCOL = /^UDP\/TLS\/RTP\/SAVPF?$/
/** What RFC 8839 and RFC 8445 allow, and no more. */
const ICE_CHARACTERS = /^[A-Za-z0-9+/]{4,256}$/
const TOKEN = /^[\w.!#$%&'*+^`{|}~-]{1,64}$/

/** Header extensions that we understand. */
const EXTENSIONS = {
  transportSequence: 'http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01',
} as const

/** A format of RTP that an offer names. */
export interface OfferedCodec {
  payloadType: number
  /** In small letters: `h264`. */
  name: string
  /** In Hz. */
  clockRate: number
  /** Its `fmtp`, as it stands. */
  parameters: string
  feedback: string[]
  /** Under which its packets are sent again (RFC 4588), or null. */
  retransmission: number | null
}

/** A picture or a sound that an offer names. */
export interface OfferedMedia {
  kind: 'video' | 'audio'
  mid: string
  codecs: OfferedCodec[]
  /** The id of the header extension with the transport-wide number; null for none. */
  transportSequenceId: number | null
}

/** What a publisher offers. */
export interface Offer {
  ice: IceCredentials
  fingerprints: Fingerprint[]
  /** `passive`: it waits for us to begin the DTLS handshake. */
  setup: 'actpass' | 'active' | 'passive'
  media: OfferedMedia[]
}

/** One part of a description: its `m=` line and what follows, or what stands before the first. */
interface Section {
  line: string
  attributes: Map<string, string[]>
}

/**
 * Reads the offer of a publisher (RFC 8866, RFC 9429, RFC 9725 section 4.4), or of a viewer, who receives.
 * @throws GatewayError `bad_request` for what is no description, `unsupported_offer` for one that cannot be answered
 */
export function parseOffer(text: string, direction: 'sends' | 'receives' = 'sends'): Offer {
  const [session, ...media] = sectionsOf(text)
  if (!session || media.length === 0) throw bad('It has no media.')
  if (media.length > MAX_MEDIA) throw unsupported(`It has ${media.length} media: offer one picture and one sound.`)
  const bundled = session.attributes.get('group')?.some((group) => group.startsWith('BUNDLE ')) ?? false
  if (media.length > 1 && !bundled) throw unsupported('Its media are not bundled (RFC 9725, section 4.4.1).')
  const offered = media.map((section) => readMedia(section, direction))
  if (new Set(offered.map(({ kind }) => kind)).size < offered.length) {
    throw unsupported('It has two pictures, or two sounds: offer one of each.')
  }
  if (new Set(offered.map(({ mid }) => mid)).size < offered.length) throw bad('Two media have the same "mid".')
  // What stands at the media counts more than what stands before (RFC 8839, section 5.4).
  const valuesOf = (name: string) => media[0]?.attributes.get(name) ?? session.attributes.get(name) ?? []
  const setup = valuesOf('setup')[0]
  if (setup !== 'actpass' && setup !== 'active' && setup !== 'passive') {
    throw bad('It has no "setup" of actpass, active or passive.')
  }
  const fingerprints = valuesOf('fingerprint').map(readFingerprint)
  if (!fingerprints.some(({ algorithm }) => isFingerprintAlgorithm(algorithm))) {
    throw unsupported('It has no fingerprint of SHA-256, or another one that can be checked.')
  }
  return { ice: readIce(valuesOf('ice-ufrag')[0], valuesOf('ice-pwd')[0]), fingerprints, setup, media: offered }
}

/**
 * Reads what a publisher trickles, or its new credentials: null for none (RFC 8840, section 9). Its candidates are not read: it comes to us.
 * @throws GatewayError `bad_request`
 */
export function parseFragment(text: string): { ice: IceCredentials | null } {
  const sections = sectionsOf(text)
  const find = (name: string) => sections.flatMap(({ attributes }) => attributes.get(name) ?? [])[0]
  const ufrag = find('ice-ufrag')
  const password = find('ice-pwd')
  return { ice: ufrag === undefined && password === undefined ? null : readIce(ufrag, password) }
}

/** A format that was chosen for a medium. */
export interface AnsweredMedia extends Omit<OfferedMedia, 'codecs'> {
  codec: OfferedCodec
}

/** What is answered. */
export interface Answer {
  ice: IceCredentials
  fingerprint: Fingerprint
  setup: 'active' | 'passive'
  direction: 'recvonly' | 'sendonly'
  media: readonly AnsweredMedia[]
  /** Whom what is sent comes from, by medium. */
  sources?: ReadonlyMap<'video' | 'audio', number>
  /** Where the session is reached, over UDP and TCP. */
  candidates: readonly Endpoint[]
}

/** Writes the answer to a publisher's offer (RFC 9429, section 5.3; RFC 9725, section 4.4). */
export function writeAnswer({ ice, fingerprint, setup, direction, media, sources, candidates }: Answer): string {
  const lines = [
    'v=0',
    `o=- ${Date.now()} 1 IN IP4 0.0.0.0`,
    's=-',
    't=0 0',
    `a=group:BUNDLE ${media.map(({ mid }) => mid).join(' ')}`,
    'a=ice-lite',
    'a=extmap-allow-mixed',
    'a=msid-semantic: WMS *',
  ]
  for (const [index, { kind, mid, codec, transportSequenceId }] of media.entries()) {
    const { payloadType, retransmission } = codec
    const formats = retransmission === null ? [payloadType] : [payloadType, retransmission]
    lines.push(
      `m=${kind} 9 UDP/TLS/RTP/SAVPF ${formats.join(' ')}`,
      'c=IN IP4 0.0.0.0',
      `a=mid:${mid}`,
      `a=${direction}`,
      'a=rtcp-mux',
      'a=rtcp-rsize',
      ...[`a=ice-ufrag:${ice.ufrag}`, `a=ice-pwd:${ice.password}`],
      `a=fingerprint:${fingerprint.algorithm} ${fingerprint.value}`,
      `a=setup:${setup}`,
      ...codecLines(codec),
    )
    if (transportSequenceId !== null) lines.push(`a=extmap:${transportSequenceId} ${EXTENSIONS.transportSequence}`)
    const source = sources?.get(kind)
    // One stream for both, so that they are played together.
    if (source !== undefined) lines.push(`a=msid:castgate ${kind}`, `a=ssrc:${source} cname:castgate`)
    if (index === 0) lines.push(...candidateLines(candidates), 'a=end-of-candidates')
  }
  return `${lines.join('\r\n')}\r\n`
}

/** Writes our new credentials, and where we are (RFC 8840, section 9; RFC 9725, section 4.3.3). */
export function writeFragment(ice: IceCredentials, mid: string, candidates: readonly Endpoint[]): string {
  const lines = [
    ...['a=ice-lite', `a=ice-ufrag:${ice.ufrag}`, `a=ice-pwd:${ice.password}`],
    ...['m=audio 9 UDP/TLS/RTP/SAVPF 0', `a=mid:${mid}`],
    ...[...candidateLines(candidates), 'a=end-of-candidates'],
  ]
  return `${lines.join('\r\n')}\r\n`
}

/** UDP before TCP (RFC 8445, section 5.1.2; RFC 6544, section 4.2). */
function candidateLines(candidates: readonly Endpoint[]): string[] {
  const priority = (type: number, local: number) => type * 2 ** 24 + local * 2 ** 8 + 255
  return candidates.flatMap(({ address, port }, index) => [
    `a=candidate:${index * 2 + 1} 1 udp ${priority(126, 65535 - index)} ${address} ${port} typ host`,
    `a=candidate:${index * 2 + 2} 1 tcp ${priority(90, 65535 - index)} ${address} ${port} typ host tcptype passive`,
  ])
}

function codecLines({ payloadType, name, clockRate, parameters, feedback, retransmission }: OfferedCodec): string[] {
  const lines = [`a=rtpmap:${payloadType} ${nameInSdp(name)}/${clockRate}${name === 'opus' ? '/2' : ''}`]
  if (parameters !== '') lines.push(`a=fmtp:${payloadType} ${parameters}`)
  for (const each of feedback) lines.push(`a=rtcp-fb:${payloadType} ${each}`)
  if (retransmission !== null) {
    lines.push(`a=rtpmap:${retransmission} rtx/${clockRate}`, `a=fmtp:${retransmission} apt=${payloadType}`)
  }
  return lines
}

function nameInSdp(name: string): string {
  return name === 'opus' ? name : name.toUpperCase()
}

function sectionsOf(text: string): Section[] {
  if (text.length > MAX_SDP_BYTES) throw new GatewayError('too_large', 'The description is too long.')
  const lines = text.split(/\r?\n/)
  if (lines.length > MAX_LINES) throw new GatewayError('too_large', 'The description has too many lines.')
  let section: Section = { line: '', attributes: new Map() }
  const sections = [section]
  for (const line of lines) {
    if (line === '') continue
    const [, key, value] = /^([a-z])=(.*)$/.exec(line) ?? []
    if (key === undefined || value === undefined) throw bad('It has a line that is none of SDP.')
    if (key === 'm') {
      section = { line: value, attributes: new Map() }
      sections.push(section)
    }
    if (key !== 'a') continue
    const [, name = '', attribute = ''] = /^([^:]*):?(.*)$/.exec(value) ?? []
    const known = section.attributes.get(name)
    if (known) known.push(attribute)
    else section.attributes.set(name, [attribute])
  }
  return sections
}

function readMedia({ line, attributes }: Section, direction: 'sends' | 'receives'): OfferedMedia {
  const [kind, port, protocol = '', ...formats] = line.split(' ')
  if (kind !== 'video' && kind !== 'audio') throw unsupported('It has media that are no picture and no sound.')
  if (port === '0') throw unsupported(`Its ${kind} is switched off.`)
  if (!PROTOCOL.test(protocol)) throw unsupported(`Its ${kind} is not UDP/TLS/RTP/SAVPF.`)
  const [other, right] = direction === 'sends' ? ['recvonly', 'sendonly'] : ['sendonly', 'recvonly']
  if (attributes.has(other) || attributes.has('inactive')) {
    throw unsupported(`Its ${kind} is not ${direction === 'sends' ? 'sent' : 'received'}: offer "${right}".`)
  }
  if (!attributes.has('rtcp-mux')) throw unsupported(`Its ${kind} has no "rtcp-mux" (RFC 9725, section 4.4.1).`)
  const mid = attributes.get('mid')?.[0] ?? ''
  if (!TOKEN.test(mid)) throw bad(`Its ${kind} has no "mid".`)
  const codecs = formats.slice(0, 64).flatMap((format) => readCodec(format, attributes))
  const retransmissions = new Map(
    codecs.filter(({ name }) => name === 'rtx').map((rtx) => [rtx.parameters, rtx.payloadType]),
  )
  return {
    ...{ kind, mid },
    codecs: codecs
      .filter(({ name }) => name !== 'rtx')
      .map((codec) => ({ ...codec, retransmission: retransmissions.get(`apt=${codec.payloadType}`) ?? null })),
    transportSequenceId: extensionId(attributes, EXTENSIONS.transportSequence),
  }
}

function readCodec(format: string, attributes: Map<string, string[]>): OfferedCodec[] {
  const payloadType = Number(format)
  if (!/^\d{1,3}$/.test(format) || payloadType > 127) return []
  const valuesOf = (name: string) =>
    (attributes.get(name) ?? []).flatMap((value) => {
      const [, found, rest = ''] = /^(\S+) (.*)$/.exec(value) ?? []
      return found === format ? [rest] : []
    })
  const [, name, rate] = /^([\w-]{1,32})\/(\d{1,9})(?:\/\d+)?$/.exec(valuesOf('rtpmap')[0] ?? '') ?? []
  if (name === undefined || rate === undefined) return []
  return [
    {
      payloadType,
      name: name.toLowerCase(),
      clockRate: Number(rate),
      // It is repeated in the answer.
      parameters: (valuesOf('fmtp')[0] ?? '').replace(/[^\x20-\x7e]/g, '').slice(0, 256),
      feedback: valuesOf('rtcp-fb'),
      retransmission: null,
    },
  ]
}

function extensionId(attributes: Map<string, string[]>, uri: string): number | null {
  for (const value of attributes.get('extmap') ?? []) {
    const [, id, found] = /^(\d{1,3})(?:\/\w+)? (\S+)/.exec(value) ?? []
    if (found === uri && Number(id) > 0 && Number(id) < 256) return Number(id)
  }
  return null
}

function readFingerprint(value: string): Fingerprint {
  const [, algorithm = '', hash = ''] = /^([\w-]{1,16}) ([\dA-Fa-f:]{1,256})$/.exec(value.trim()) ?? []
  return { algorithm: algorithm.toLowerCase(), value: hash.toUpperCase() }
}

function readIce(ufrag: string | undefined, password: string | undefined): IceCredentials {
  if (ufrag === undefined || password === undefined) throw bad('It has no "ice-ufrag" and "ice-pwd".')
  if (!ICE_CHARACTERS.test(ufrag) || !ICE_CHARACTERS.test(password) || password.length < 22) {
    throw bad('Its "ice-ufrag" or "ice-pwd" is none (RFC 8839, section 5.4).')
  }
  return { ufrag, password }
}

function bad(what: string): GatewayError {
  return new GatewayError('bad_request', `The session description cannot be used. ${what}`)
}

/** An offer that is well formed, and cannot be answered (RFC 9725, section 4.4). */
export function unsupported(what: string): GatewayError {
  return new GatewayError('unsupported_offer', `The offer cannot be answered. ${what}`)
}
