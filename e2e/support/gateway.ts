import { readdir, readFile, readlink } from 'node:fs/promises'
import type { StreamStatus } from '../../shared/status.ts'
import { castgate, type Program } from './program.ts'
import { mediaPath } from './publisher.ts'
import { freePort, temporaryDirectory } from './resources.ts'
import { NOT_KEPT, until } from './wait.ts'

/** A gateway that a test runs: the real program, on ports and in a directory of its own. */
export interface TestGateway {
  url: string
  port: number
  rtmpPort: number
  hlsPort: number
  /** Where it was told to write. */
  dataDir: string
  program: Program
  /** A stream of the API, as its operator is told it, or null where it is not live. `token`: as the bearer of that one is. */
  stream(name: string, token?: string): Promise<StreamStatus | null>
  /** The log lines so far. One that was just written may not have been read yet: `logged` waits for it. */
  log(): Record<string, unknown>[]
  /** Resolves when a log line has these fields, the words of which may be a pattern. `since`: of the line to begin with. */
  logged(fields: Record<string, string | number | null | RegExp>, since?: number): Promise<void>
  /** Ends it with SIGTERM, and starts it again as it was. */
  restart(): Promise<void>
  /** Ends it with SIGTERM. Throws where it does not end with 0, or a process of it is left. */
  stop(): Promise<void>
}

/** Starts a gateway and waits until it says that it is ready. */
export async function startGateway(args: string[], environment: Record<string, string> = {}): Promise<TestGateway> {
  const [port, rtmpPort, hlsPort] = [await freePort(), await freePort(), await freePort()]
  const directory = await temporaryDirectory()
  const own = [
    '--port',
    `${port}`,
    '--rtmp-port',
    `${rtmpPort}`,
    '--hls-port',
    `${hlsPort}`,
    '--data-dir',
    directory.path,
    // Others may run on the machine.
    '--webrtc-port',
    '0',
  ]
  const url = `http://127.0.0.1:${port}`
  const start = () => startReady(['serve', '--no-install', ...own, ...args], environment)
  const gateway: TestGateway = {
    url,
    port,
    rtmpPort,
    hlsPort,
    dataDir: directory.path,
    program: await start(),
    async stream(name, token) {
      const key = environment.CASTGATE_ADMIN_KEY
      const headers = { ...NOT_KEPT.headers, ...(key && token === undefined && { authorization: `Bearer ${key}` }) }
      const answer = await fetch(`${url}/api/streams/${name}${token ? `?token=${token}` : ''}`, { headers })
      return answer.ok ? ((await answer.json()) as StreamStatus) : null
    },
    log: () =>
      gateway.program
        .output()
        .stdout.split('\n')
        .filter((line) => line.startsWith('{'))
        .map((line) => JSON.parse(line) as Record<string, unknown>),
    async logged(fields, since = 0) {
      const wanted = Object.entries(fields)
      const words = wanted.map(([name, value]) => `${name}: ${value}`)
      await until(`a log line with ${words.join(', ')}`, () =>
        gateway
          .log()
          .slice(since)
          .some((line) =>
            wanted.every(([name, value]) =>
              value instanceof RegExp ? value.test(String(line[name])) : line[name] === value,
            ),
          ),
      )
    },
    async restart() {
      await end(gateway.program)
      gateway.program = await start()
    },
    async stop() {
      try {
        await end(gateway.program)
      } finally {
        await directory.remove()
      }
    },
  }
  return gateway
}

async function startReady(args: string[], environment: Record<string, string>): Promise<Program> {
  const program = castgate(args, environment)
  let exitCode: number | null = null
  void program.exited.then((code) => {
    exitCode = code
  })
  await until('the gateway is ready', () => {
    if (exitCode !== null) throw new Error(`The gateway ended with ${exitCode}: ${program.output().stderr}`)
    return program.output().stdout.includes('gateway is ready')
  })
  return program
}

async function end(program: Program): Promise<void> {
  const started = await descendantsOf(program.process.pid ?? 0)
  program.process.kill('SIGTERM')
  const code = await program.exited
  if (code !== 0) throw new Error(`The gateway ended with ${code}: ${program.output().stderr}`)
  const left = await stillRunning(started)
  if (left.length > 0) throw new Error(`The gateway left processes behind: ${left.join(', ')}`)
}

/** Tokens, where a gateway asks for them: to publish, and to see whether it is live. */
interface LoopTokens {
  publish: string
  play: string
}

/** Broadcasts `file` to `gateway` as `stream`, again and again; resolves once it is live. */
export async function startLoop(
  gateway: TestGateway,
  stream: string,
  file = mediaPath('chrome-h264.mp4'),
  tokens: LoopTokens | null = null,
): Promise<{ push: Program; stop(): Promise<void> }> {
  const environment = tokens ? { CASTGATE_TOKEN: tokens.publish } : undefined
  const push = castgate(['push', file, stream, '--loop', '--port', `${gateway.port}`], environment)
  await until('it is live', async () => (await gateway.stream(stream, tokens?.play))?.state === 'live')
  return {
    push,
    async stop() {
      push.process.kill('SIGINT')
      await push.exited
    },
  }
}

/** Process ids of everything below `pid`, from /proc. */
export async function descendantsOf(pid: number): Promise<Map<number, string>> {
  const parents = new Map<number, { parent: number; name: string }>()
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) continue
    try {
      const stat = await readFile(`/proc/${entry}/stat`, 'utf8')
      const [, name = '', parent] = /^\d+ \((.*)\) \S (\d+)/s.exec(stat) ?? []
      parents.set(Number(entry), { parent: Number(parent), name })
    } catch {
      // It ended meanwhile.
    }
  }
  const found = new Map<number, string>()
  const add = (of: number) => {
    for (const [child, { parent, name }] of parents) {
      if (parent !== of || found.has(child)) continue
      found.set(child, name)
      add(child)
    }
  }
  add(pid)
  return found
}

/** Sends a signal to a process that was seen a moment ago; it may have ended since. */
export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
  }
}

/** How many sockets and pipes `gateway` has open. */
export async function openSockets({ program }: TestGateway): Promise<number> {
  const directory = `/proc/${program.process.pid}/fd`
  const links = await Promise.all(
    (await readdir(directory)).map((fd) => readlink(`${directory}/${fd}`).catch(() => '')),
  )
  return links.filter((link) => /^(socket|pipe):/.test(link)).length
}

/** Process ids of the FFmpegs of `gateway` that read recordings. */
export function ingestFfmpegs(gateway: TestGateway): Promise<number[]> {
  // The others read FLV from the bus.
  return ffmpegsWith(gateway, (args) => args.includes('pipe:0') && args[args.indexOf('-f') + 1] !== 'flv')
}

async function ffmpegsWith({ program }: TestGateway, fits: (args: string[]) => boolean): Promise<number[]> {
  const found: number[] = []
  for (const [pid, name] of await descendantsOf(program.process.pid ?? 0)) {
    if (name !== 'ffmpeg') continue
    const args = (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).split('\0')
    if (fits(args)) found.push(pid)
  }
  return found
}

async function stillRunning(processes: Map<number, string>): Promise<string[]> {
  const left: string[] = []
  for (const [pid, name] of processes) {
    try {
      const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
      // A zombie waits for its parent alone.
      if (stat.includes(`(${name})`) && !/\) Z /.test(stat)) left.push(`${name} (${pid})`)
    } catch {
      // It is gone.
    }
  }
  return left
}
