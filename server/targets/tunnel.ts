import { once } from 'node:events'
import { connect as connectTcp, createServer, isIP, type LookupFunction, type Socket } from 'node:net'
import { pipeline } from 'node:stream'
import { connect as connectTls } from 'node:tls'
import type { Pinned } from '../net/host-policy.ts'
import { atMost } from '../process/at-most.ts'
import type { TargetAddress } from './address.ts'

/** How long a host may take to accept a connection, and then to say anything. */
const CONNECT_MS = 5_000

/** How long an address may take before the next one of the same host is tried. */
const NEXT_ADDRESS_MS = 1_000

/** How long the end of a stream may take to go out. */
const FLUSH_MS = 2_000

/** A port of this machine behind which a target is. */
export interface Tunnel {
  port: number
  /** Bytes that went to the target. */
  bytesOut(): number
  /** Why it does not work, for people; null while it does. */
  problem(): string | null
  /** Lets what FFmpeg said last go out, for a while. Never rejects. */
  close(): Promise<void>
}

/**
 * Takes one connection at a port of the loopback interface, and makes it one to `target` at one of the addresses that were looked at,
 * over TLS where it is secure. So nothing looks the name up a second time, and the certificate is checked: FFmpeg does neither.
 */
export async function openTunnel(target: TargetAddress, pinned: readonly Pinned[]): Promise<Tunnel> {
  let problem: string | null = null
  const sockets: Socket[] = []
  let far: Socket | null = null
  let flushed: Promise<void> = Promise.resolve()
  const server = createServer((near) => {
    server.close()
    const remote = connectTo(target, pinned)
    far = remote
    sockets.push(near, remote)
    const patience = setTimeout(() => {
      remote.destroy(new Error(`${target.host} did not answer within ${CONNECT_MS / 1000} s`))
    }, CONNECT_MS)
    remote.once('data', () => clearTimeout(patience))
    const noteEnd = (error: NodeJS.ErrnoException | null | undefined) => {
      clearTimeout(patience)
      if (error) problem ??= inWords(error, target)
    }
    flushed = new Promise((resolve) => {
      pipeline(near, remote, (error) => {
        if (error?.code !== 'ERR_STREAM_PREMATURE_CLOSE') noteEnd(error)
        resolve()
      })
    })
    remote.on('error', noteEnd)
    remote.once('end', () => {
      if (!near.readableEnded) problem ??= `${target.host} closed the connection`
    })
    remote.once('close', () => near.end())
    remote.pipe(near)
  })
  server.maxConnections = 1
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const bound = server.address()
  return {
    port: typeof bound === 'object' && bound ? bound.port : 0,
    bytesOut: () => far?.bytesWritten ?? 0,
    problem: () => problem,
    async close() {
      server.close()
      if (problem === null) await atMost(FLUSH_MS, flushed)
      for (const socket of sockets) socket.destroy()
    },
  }
}

/** Connects to the first of the addresses that answers (RFC 8305, as Node.js does it), and to no other. */
function connectTo({ secure, host, port }: TargetAddress, pinned: readonly Pinned[]): Socket {
  const lookup: LookupFunction = (_, { all }, done) => {
    const [first] = pinned
    if (all) done(null, [...pinned])
    else if (first) done(null, first.address, first.family)
  }
  // A host that is an address itself is not looked up.
  const where = isIP(host) ? { host: pinned[0]?.address ?? host } : { host, lookup }
  const options = { ...where, port, autoSelectFamily: true, autoSelectFamilyAttemptTimeout: NEXT_ADDRESS_MS }
  if (!secure) return connectTcp(options)
  return connectTls({ ...options, ...(isIP(host) ? {} : { servername: host }) })
}

/** Of the errors of several addresses: one that answered says more than one that there is no way to. */
function mostTelling(errors: NodeJS.ErrnoException[]): NodeJS.ErrnoException {
  return errors.find(({ code }) => code === 'ECONNREFUSED') ?? errors.at(-1) ?? new Error()
}

function inWords(failure: NodeJS.ErrnoException, { host, port }: TargetAddress): string {
  const error = failure instanceof AggregateError ? mostTelling(failure.errors) : failure
  switch (error.code) {
    case 'ECONNREFUSED':
      return `${host} refused the connection (port ${port})`
    case 'ENETUNREACH':
    case 'EHOSTUNREACH':
      return `${host} cannot be reached from here`
    case 'ETIMEDOUT':
      return `${host} does not answer`
    case 'ECONNRESET':
    case 'EPIPE':
      return `${host} closed the connection`
    default: {
      const isTls = error.code?.startsWith('ERR_TLS') || /CERT|SIGNED|UNABLE_TO/.test(error.code ?? '')
      if (isTls) return `the certificate of ${host} is not good: ${error.message}`
      if (error.code?.startsWith('ERR_SSL')) return `${host} does not speak TLS at port ${port}`
      return error.message || error.code || 'the connection failed'
    }
  }
}
