import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { GatewayError } from '../../shared/errors.ts'
import { chooseMedia, TAKEN } from './negotiate.ts'
import { parseFragment, parseOffer, writeAnswer, writeFragment } from './sdp.ts'

const SESSION = ['v=0', 'o=- 1 2 IN IP4 127.0.0.1', 's=-', 't=0 0', 'a=group:BUNDLE 0 1']
const TRANSPORT = [
  'a=ice-ufrag:abcd',
  'a=ice-pwd:abcdabcdabcdabcdabcdabcd',
  `a=fingerprint:sha-256 ${Array.from({ length: 32 }, () => 'AB').join(':')}`,
  'a=setup:actpass',
]
const media = (kind: string, mid: number, formats: string, ...lines: string[]) => [
  `m=${kind} 9 UDP/TLS/RTP/SAVPF ${formats}`,
  ...['c=IN IP4 0.0.0.0', `a=mid:${mid}`, 'a=sendonly', 'a=rtcp-mux'],
  ...TRANSPORT,
  ...lines,
]
const AUDIO = media(
  'audio',
  0,
  '111 63',
  'a=rtpmap:111 opus/48000/2',
  'a=fmtp:111 minptime=10',
  'a=rtpmap:63 red/48000/2',
)
const VIDEO = media(
  ...(['video', 1, '96 97 102 103 104 105'] as const),
  'a=extmap:5 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01',
  ...['a=rtpmap:96 VP8/90000', 'a=rtpmap:97 rtx/90000', 'a=fmtp:97 apt=96'],
  ...['a=rtpmap:102 H264/90000', 'a=fmtp:102 packetization-mode=0;profile-level-id=42e01f'],
  ...['a=rtpmap:104 H264/90000', 'a=fmtp:104 packetization-mode=1;profile-level-id=42e01f', 'a=rtcp-fb:104 nack'],
  ...['a=rtcp-fb:104 nack pli', 'a=rtcp-fb:104 ccm fir', 'a=rtcp-fb:104 transport-cc'],
  ...['a=rtpmap:105 rtx/90000', 'a=fmtp:105 apt=104'],
)
const sdp = (...lines: string[]) => `${lines.join('\r\n')}\r\n`
const OFFER = sdp(...SESSION, ...AUDIO, ...VIDEO)

const code = (text: string) => {
  try {
    chooseMedia(parseOffer(text), TAKEN)
    return null
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error
    return error.code
  }
}

describe('an offer', () => {
  it('is answered with H.264 that is cut into packets, Opus, and the feedback that we give', () => {
    const offer = parseOffer(OFFER)
    const answer = writeAnswer({
      ice: { ufrag: 'ours', password: 'ourpassword' },
      fingerprint: { algorithm: 'sha-256', value: 'CD:EF' },
      setup: 'passive',
      direction: 'recvonly',
      media: chooseMedia(offer, TAKEN),
      candidates: [{ address: '203.0.113.5', port: 8189 }],
    })
    const [session = '', audio = '', video = ''] = answer.split('m=')
    expect(session).toContain('a=group:BUNDLE 0 1\r\n')
    expect(session).toContain('a=ice-lite\r\n')
    expect(audio).toMatch(/^audio 9 UDP\/TLS\/RTP\/SAVPF 111\r\n/)
    expect(audio).toContain('a=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10\r\n')
    expect(audio).toContain('203.0.113.5 8189 typ host\r\n')
    expect(audio).toContain('203.0.113.5 8189 typ host tcptype passive\r\na=end-of-candidates\r\n')
    expect(video).toMatch(/^video 9 UDP\/TLS\/RTP\/SAVPF 104 105\r\n/)
    expect([...video.matchAll(/a=rtcp-fb:104 (.*)\r/g)].map(([, each]) => each)).toEqual([
      'nack',
      'nack pli',
      'transport-cc',
    ])
    expect(video).toContain('a=extmap:5 http')
    for (const each of [audio, video]) {
      // RFC 9725, section 4.4.
      expect(each).toContain(
        'a=recvonly\r\na=rtcp-mux\r\na=rtcp-rsize\r\na=ice-ufrag:ours\r\na=ice-pwd:ourpassword\r\n',
      )
      expect(each).toContain('a=fingerprint:sha-256 CD:EF\r\na=setup:passive\r\n')
    }
  })

  it.each([
    ['has VP8 alone', OFFER.replaceAll('H264', 'H263'), 'vp8', 97],
    ['cuts no H.264 into packets', OFFER.replaceAll('packetization-mode=1', 'packetization-mode=0'), 'h264', null],
  ])('that %s is taken, too', (_, text, name, retransmission) => {
    const video = chooseMedia(parseOffer(text), TAKEN)[1]
    expect(video?.codec).toMatchObject({ name, retransmission })
  })

  it.each([
    ['is empty', '', 'bad_request'],
    ['is no SDP', '<html>', 'bad_request'],
    ['has no media', sdp(...SESSION), 'bad_request'],
    ['is too long', OFFER + 'a=x\r\n'.repeat(20_000), 'too_large'],
    ['has no ICE', OFFER.replaceAll('ice-ufrag', 'x'), 'bad_request'],
    ['has an ICE password that is too short', OFFER.replaceAll('abcdabcdabcdabcdabcdabcd', 'abcd'), 'bad_request'],
    ['has no role', OFFER.replaceAll('actpass', 'holdconn'), 'bad_request'],
    ['has a name that could be more lines', OFFER.replaceAll('a=mid:1', 'a=mid:1 x'), 'bad_request'],
    ['has a hash that is not to be relied on', OFFER.replaceAll('sha-256', 'md5'), 'unsupported_offer'],
    ['has two pictures', sdp(...SESSION, ...VIDEO, ...VIDEO), 'unsupported_offer'],
    ['has three media', sdp(...SESSION, ...AUDIO, ...VIDEO, ...AUDIO), 'unsupported_offer'],
    ['has a data channel', sdp(...SESSION, 'm=application 9 UDP/DTLS/SCTP webrtc-datachannel'), 'unsupported_offer'],
    ['is not bundled', OFFER.replace('a=group:BUNDLE 0 1\r\n', ''), 'unsupported_offer'],
    ['has no rtcp-mux', OFFER.replaceAll('a=rtcp-mux\r\n', ''), 'unsupported_offer'],
    ['wants to receive', OFFER.replaceAll('sendonly', 'recvonly'), 'unsupported_offer'],
    ['is not encrypted', OFFER.replaceAll('UDP/TLS/RTP/SAVPF', 'RTP/AVP'), 'unsupported_offer'],
    ['has no format that is taken', OFFER.replaceAll('opus', 'speex'), 'unsupported_offer'],
  ])('that %s is refused in words', (_, text, refused) => {
    expect(code(text)).toBe(refused)
  })

  it('to send and receive is taken: Safari makes such (RFC 9725, section 4.4.2)', () => {
    expect(code(OFFER.replaceAll('sendonly', 'sendrecv'))).toBeNull()
  })

  it('is read or refused, whatever it is, and nothing of it becomes a line of its own in the answer', () => {
    const line = fc.oneof(fc.constantFrom(...OFFER.split('\r\n')), fc.string({ maxLength: 40 }))
    fc.assert(
      fc.property(fc.array(line, { maxLength: 60 }), (lines) => {
        const text = sdp(...lines)
        if (code(text) !== null) return
        const offer = parseOffer(text)
        const answer = writeAnswer({
          ...{ ice: { ufrag: 'u', password: 'p' }, fingerprint: { algorithm: 'sha-256', value: 'AB' } },
          ...{ setup: 'passive', direction: 'recvonly', media: chooseMedia(offer, TAKEN), candidates: [] },
        })
        expect(answer.split('\r\n').every((each) => /^([a-z]=[^\r\n]*)?$/.test(each))).toBe(true)
      }),
    )
  })
})

describe('a fragment', () => {
  it('tells the credentials of one who comes from elsewhere, and nothing else', () => {
    const text = sdp('a=ice-ufrag:efgh', 'a=ice-pwd:efghefghefghefghefghefgh', 'm=audio 9 RTP/AVP 0', 'a=mid:0')
    expect(parseFragment(text)).toEqual({ ice: { ufrag: 'efgh', password: 'efghefghefghefghefghefgh' } })
    expect(parseFragment(sdp('m=audio 9 RTP/AVP 0', 'a=candidate:1 1 udp 1 10.0.0.1 1 typ host'))).toEqual({
      ice: null,
    })
    expect(() => parseFragment('hello')).toThrow(GatewayError)
  })

  it('tells ours', () => {
    const text = writeFragment({ ufrag: 'u', password: 'p' }, '0', [{ address: '::1', port: 1 }])
    expect(text).toMatch(/^a=ice-lite\r\na=ice-ufrag:u\r\na=ice-pwd:p\r\nm=audio /)
    expect(text).toContain('::1 1 typ host')
  })
})
