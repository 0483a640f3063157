import { connect } from 'node:net'
import { dial, dialProblem } from '../net/dial.ts'
import { redact } from '../process/redact.ts'
import type { RtmpAddress } from '../rtmp/address.ts'
import type { Way } from '../rtmp/publish.ts'

/** Which RTMP server a gateway pushes to: nginx, which it runs; none (`embedded`: it serves all by itself); or one that runs elsewhere. */
export type MediaServerKind = 'nginx' | 'embedded' | 'external'

/** The RTMP server that every broadcast is pushed to. */
export interface MediaServer {
  readonly kind: MediaServerKind
  /** Where it is, for people, where that is not where encoders publish; else null. */
  readonly url: string | null
  /** Whether it makes HLS of what it gets, in the directory `hls` of the data directory. */
  readonly makesHls: boolean
  /** Why it does not work right now, or null. */
  problem(): string | null
  /** How often it was started again after it ended by itself. */
  restarts(): number
  /** Its process; null where there is none here, or it does not run. */
  pid(): number | null
  /** Where the broadcast `name` is pushed to, and how that is reached; null for nowhere. */
  placeOf(name: string): { address: RtmpAddress; way: Way } | null
  /** Ends the server; resolves when its processes are gone. */
  close(): Promise<void>
}

/** What there is where the gateway runs no other server. */
const NO_PROCESS = { makesHls: false, problem: () => null, restarts: () => 0, pid: () => null, close: async () => {} }

/** None: the gateway does all by itself. */
export function noMediaServer(): MediaServer {
  return { kind: 'embedded', url: null, ...NO_PROCESS, placeOf: () => null }
}

/** One that runs elsewhere, as `rtmp://host[:port]/app`, to which the name of the stream is added. */
export function externalMediaServer(url: string): MediaServer {
  const base = url.replace(/\/+$/, '')
  const { hostname, port, pathname, search, protocol } = new URL(base)
  const secure = protocol === 'rtmps:'
  const host = hostname.replace(/^\[|\]$/g, '')
  const endpoint = { secure, host, port: Number(port || (secure ? 443 : 1935)) }
  const way: Way = {
    name: host,
    connect: () => dial(endpoint),
    problem: (error) => dialProblem(error, endpoint),
  }
  return {
    kind: 'external',
    url: redact(base).replace(/\/…$/, ''),
    ...NO_PROCESS,
    placeOf: (name) => ({ address: { ...endpoint, app: pathname.replace(/^\//, ''), key: `${name}${search}` }, way }),
  }
}

/** How a server at a port of 127.0.0.1 is reached. */
export function wayTo(port: number, name: string): Way {
  return {
    name,
    connect: () => connect(port, '127.0.0.1').setNoDelay(),
    problem: ({ code, message }) =>
      code === 'ECONNREFUSED' ? `${name} is not there` : message || 'the connection failed',
  }
}
