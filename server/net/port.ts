import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import type { Child } from '../process/child.ts'
import { ExitError, MissingError } from '../process/errors.ts'

const POLL_MS = 20
const LISTEN_TIMEOUT_MS = 10_000

/**
 * Makes sure that nobody listens on `port` of `host`.
 * @throws MissingError `port_taken`, which names the option to change
 */
export async function requireFreePort(host: string, port: number, option: string): Promise<void> {
  const problem = await portProblem(host, port)
  if (problem !== null) throw portError(problem, host, port, option)
}

/** Why nothing can listen on `port` of `host` now, or null. */
export function portProblem(host: string, port: number): Promise<NodeJS.ErrnoException | null> {
  const server = createServer()
  return new Promise((resolve) => {
    server.once('error', resolve)
    server.listen(port, host, () => server.close(() => resolve(null)))
  })
}

/** A port of 127.0.0.1 that is free now: for another program, which has no way to tell which one it took. */
export async function freeLoopbackPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' && address !== null ? address.port : 0
}

/** What to tell a person when listening failed. */
export function portError(
  problem: Error & { code?: unknown },
  host: string,
  port: number,
  option: string,
): MissingError {
  const reason =
    problem.code === 'EADDRINUSE' ? 'is in use by another program' : `cannot be used (${String(problem.code)})`
  return new MissingError('port_taken', `Port ${port} on ${host} ${reason}. Choose another with ${option}.`)
}

/**
 * Resolves when something takes connections there: other programs have no event for it.
 * @throws ExitError where `child` ends first, or takes too long
 */
export async function listening(child: Child, host: string, port: number): Promise<void> {
  let exited = false
  void child.exited.then(() => {
    exited = true
  })
  for (const deadline = performance.now() + LISTEN_TIMEOUT_MS; performance.now() < deadline; await delay(POLL_MS)) {
    if (exited) throw new ExitError('rtmp_server', 'The RTMP server ended as soon as it was started.')
    if (await connects(host, port)) return
  }
  throw new ExitError('rtmp_server', `The RTMP server does not listen on port ${port} of ${host}.`)
}

/** An address to reach a server that listens on `host`, as it stands in a URL. */
export function addressInUrl(host: string): string {
  const address = reachable(host)
  return address.includes(':') ? `[${address}]` : address
}

/** An address to reach a server that listens on `host`. */
function reachable(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1'
  return host === '::' ? '::1' : host
}

function connects(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, reachable(host))
    const answer = (open: boolean) => {
      socket.destroy()
      resolve(open)
    }
    socket.once('connect', () => answer(true))
    socket.once('error', () => answer(false))
  })
}
