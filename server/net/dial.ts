import { connect as connectTcp, isIP, type LookupFunction, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { Pinned } from './host-policy.ts'

/** How long an address may take before the next one of the same host is tried. */
const NEXT_ADDRESS_MS = 1_000

/** Where to connect to. */
export interface Endpoint {
  secure: boolean
  /** A name or an address, without brackets. */
  host: string
  port: number
}

/**
 * Connects to the first of the addresses that answers (RFC 8305, as Node.js does it), and to no other: nothing looks the name up a second time. Without
 * addresses, the name is looked up. Over TLS, the certificate is checked against the name.
 */
export function dial({ secure, host, port }: Endpoint, pinned: readonly Pinned[] | null = null): Socket {
  const lookup: LookupFunction = (_, { all }, done) => {
    const [first] = pinned ?? []
    if (all) done(null, [...(pinned ?? [])])
    else if (first) done(null, first.address, first.family)
  }
  // A host that is an address itself is not looked up.
  const where = isIP(host) ? { host: pinned?.[0]?.address ?? host } : { host, ...(pinned && { lookup }) }
  const options = { ...where, port, autoSelectFamily: true, autoSelectFamilyAttemptTimeout: NEXT_ADDRESS_MS }
  const socket = secure ? connectTls({ ...options, ...(isIP(host) ? {} : { servername: host }) }) : connectTcp(options)
  return socket.setNoDelay()
}

/** Why a connection failed, for people. */
export function dialProblem(failure: NodeJS.ErrnoException, { host, port }: Endpoint): string {
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

/** Of the errors of several addresses: one that answered says more than one that there is no way to. */
function mostTelling(errors: NodeJS.ErrnoException[]): NodeJS.ErrnoException {
  return errors.find(({ code }) => code === 'ECONNREFUSED') ?? errors.at(-1) ?? new Error()
}
