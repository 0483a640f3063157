import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Ports that systems give to outgoing connections begin at 32768; one of those may be taken again before it is used. */
const LOWEST_PORT = 20_000
const PORTS = 6_000
/** Test files that run at the same time have ports of their own: what is free now is not used at once. */
const FIRST_PORT = LOWEST_PORT + PORTS * ((Number(process.env.VITEST_POOL_ID ?? 1) - 1) % 2)
let nextPort = Math.floor(Math.random() * PORTS)

/** A TCP port of 127.0.0.1 that nobody uses now, and that this process has not given before. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < PORTS; tries++) {
    const port = FIRST_PORT + (nextPort++ % PORTS)
    const server = createServer()
    const free = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false))
      server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
    })
    if (free) return port
  }
  throw new Error('No port is free.')
}

/** A directory of a test's own; `remove` takes it away again. */
export async function temporaryDirectory(): Promise<{ path: string; remove(): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'castgate-'))
  return { path, remove: () => rm(path, { recursive: true, force: true }) }
}
