import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Logger } from 'pino'
import { addressInUrl, freeLoopbackPort, listening, requireFreePort } from '../net/port.ts'
import { type Child, capture, startChild } from '../process/child.ts'
import { ExitError } from '../process/errors.ts'
import { makeOwnDirectory } from '../process/own-directory.ts'
import { redact } from '../process/redact.ts'
import { supervise } from '../process/supervise.ts'
import { type MediaServer, wayTo } from '../targets/media-server.ts'
import { nginxConfiguration } from './configuration.ts'
import { watchAnswers } from './heartbeat.ts'
import { endLeftover } from './leftover.ts'
import type { NginxProgram } from './program.ts'

/** Where the private nginx listens and writes. */
export interface NginxOptions {
  program: NginxProgram
  host: string
  hlsPort: number
  /** Where its configuration, its process id and its temporary files go. */
  directory: string
  hlsDirectory: string
  isPrivate: boolean
  /** Whose pages may play; empty, or `*`, for any. */
  origins: readonly string[]
  log: Logger
}

/**
 * Starts a private nginx with the RTMP module, as the user that the gateway runs as.
 * @throws MissingError where a port is taken; ExitError where nginx refuses the configuration
 */
export async function startNginx(options: NginxOptions): Promise<MediaServer> {
  const { program, host, hlsPort, directory, hlsDirectory, log } = options
  const configurationFile = join(directory, 'nginx.conf')
  await endLeftover(directory, configurationFile)
  await requireFreePort(host, hlsPort, '--hls-port')
  await makeOwnDirectory(directory)
  await makeOwnDirectory(hlsDirectory)
  const rtmpPort = await freeLoopbackPort()
  // What the gateway tells nginx about its own address has it, and else nobody knows it.
  const application = `live-${randomBytes(16).toString('hex')}`
  const { rtmpModule, hasSubFilter } = program
  const settings = { ...options, rtmpPort, application, rtmpModule, hasSubFilter }
  const configuration = nginxConfiguration({ ...settings, asRoot: process.getuid?.() === 0 })
  await writeFile(configurationFile, configuration, { mode: 0o600 })
  const args = ['-p', directory, '-c', configurationFile, '-e', 'stderr']
  const check = await capture(program.path, ['-t', ...args])
  if (check.exit.kind !== 'exited' || check.exit.code !== 0) {
    throw new ExitError(
      'nginx_configuration',
      `nginx refuses the configuration ${configurationFile}: ${check.stderr.trim()}`,
    )
  }
  // In a process group of its own: Ctrl-C is for the gateway, which closes its outputs before it ends nginx.
  const start = () =>
    logged(startChild(program.path, args, { stdio: ['ignore', 'ignore', 'pipe'], detached: true }), log)
  const nginx = await supervise('nginx', start, (child) => listening(child, '127.0.0.1', rtmpPort), log)
  const rest = watchAnswers(`http://${addressInUrl(host)}:${hlsPort}/`, log, () => nginx.restart('nginx hangs'))
  const address = { secure: false, host: '127.0.0.1', port: rtmpPort, app: application }
  const way = wayTo(rtmpPort, 'nginx')
  return {
    kind: 'nginx',
    url: null,
    makesHls: true,
    problem: () => nginx.problem(),
    restarts: () => nginx.restarts(),
    pid: () => nginx.pid(),
    placeOf: (name) => ({ address: { ...address, key: name }, way }),
    async close() {
      rest()
      await nginx.close()
    },
  }
}

function logged(child: Child, log: Logger): Child {
  child.process.stderr
    ?.setEncoding('utf8')
    .on('data', (text: string) => log.debug({ nginx: redact(text.trim()) }, 'nginx says'))
  return child
}
