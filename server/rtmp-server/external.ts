import { redact } from '../process/redact.ts'
import type { RtmpServer } from './rtmp-server.ts'

/** An RTMP server that runs elsewhere, as `rtmp://host[:port]/app`. What others publish there is not seen. */
export function externalRtmpServer(url: string): RtmpServer {
  const base = url.replace(/\/+$/, '')
  return {
    kind: 'external',
    url: redact(base).replace(/\/…$/, ''),
    makesHls: false,
    problem: () => null,
    restarts: () => 0,
    pid: () => null,
    publishUrl: (name) => `${base}/${name}`,
    playUrl: (name) => `${base}/${name}`,
    dropPublisher: async () => {},
    close: async () => {},
  }
}
