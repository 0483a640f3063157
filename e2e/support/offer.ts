import { randomBytes } from 'node:crypto'

/** The offer of a publisher that never comes, with the lines of `more` in each of its media. */
export function offer(...more: string[]): string {
  const transport = [
    ...[
      'c=IN IP4 0.0.0.0',
      'a=sendonly',
      'a=rtcp-mux',
      'a=ice-ufrag:abcd',
      `a=ice-pwd:${randomBytes(12).toString('hex')}`,
    ],
    `a=fingerprint:sha-256 ${randomBytes(32).toString('hex').toUpperCase().match(/../g)?.join(':')}`,
    'a=setup:actpass',
  ]
  const lines = [
    ...['v=0', 'o=- 1 2 IN IP4 127.0.0.1', 's=-', 't=0 0', 'a=group:BUNDLE 0 1'],
    ...['m=audio 9 UDP/TLS/RTP/SAVPF 111', 'a=mid:0', 'a=rtpmap:111 opus/48000/2', ...transport, ...more],
    ...['m=video 9 UDP/TLS/RTP/SAVPF 96', 'a=mid:1', 'a=rtpmap:96 H264/90000', 'a=fmtp:96 packetization-mode=1'],
    ...[...transport, ...more],
  ]
  return `${lines.join('\r\n')}\r\n`
}
