import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Logger } from 'pino'
import { addressInUrl, listening, requireFreePort } from '../net/port.ts'
import { type Child, capture, startChild } from '../process/child.ts'
import { ExitError } from '../process/errors.ts'
import { makeOwnDirectory } from '../process/own-directory.ts'
import { redact } from '../process/redact.ts'
import { supervise } from '../process/supervise.ts'
import type { PublishHandlers, RtmpServer } from '../rtmp-server/rtmp-server.ts'
import { nginxConfiguration } from './configuration.ts'
import { watchAnswers } from './heartbeat.ts'
import { startHook } from './hook.ts'
import { endLeftover } from './leftover.ts'
import type { NginxProgram } from './program.ts'

/** How long nginx may take to drop a publisher. */
const DROP_MS = 2_000

/** Where the private nginx listens and writes. */
export interface NginxOptions {
  program: NginxProgram
  host: string
  rtmpPort: number
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
export async function startNginx(options: NginxOptions, handlers: PublishHandlers): Promise<RtmpServer> {
  const { program, host, rtmpPort, hlsPort, directory, hlsDirectory, log } = options
  const configurationFile = join(directory, 'nginx.conf')
  await endLeftover(directory, configurationFile)
  await requireFreePort(host, rtmpPort, '--rtmp-port')
  await requireFreePort(host, hlsPort, '--hls-port')
  await makeOwnDirectory(directory)
  await makeOwnDirectory(hlsDirectory)
  const secret = randomBytes(16).toString('hex')
  const controlPath = `/${randomBytes(16).toString('hex')}`
  const hook = await startHook({ secret, isPrivate: options.isPrivate, log }, handlers)
  try {
    const settings = {
      ...options,
      hookPort: hook.port,
      hookPath: hook.path,
      controlPath,
      rtmpModule: program.rtmpModule,
    }
    const configuration = nginxConfiguration({ ...settings, asRoot: process.getuid?.() === 0 })
    // The path in it that nginx asks about publishers is a secret.
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
    const ready = (child: Child) => listening(child, host, rtmpPort)
    const nginx = await supervise('nginx', start, ready, log, () => hook.forget())
    const http = `http://${addressInUrl(host)}:${hlsPort}`
    const rest = watchAnswers(`${http}/`, log, () => nginx.restart('nginx hangs'))
    const local = `rtmp://${addressInUrl(host)}:${rtmpPort}/live`
    return {
      kind: 'nginx',
      url: local,
      makesHls: true,
      problem: () => nginx.problem(),
      restarts: () => nginx.restarts(),
      pid: () => nginx.pid(),
      publishUrl: (name) => `${local}/${name}?gateway=${secret}`,
      playUrl: (name) => `${local}/${name}?gateway=${secret}`,
      async dropPublisher(name) {
        const control = `${http}${controlPath}/drop/publisher?app=live&name=${name}`
        // Where nginx does not answer, it has gone, and its publishers with it.
        const patience = AbortSignal.timeout(DROP_MS)
        const answer = await fetch(control, { headers: { connection: 'close' }, signal: patience }).catch(() => null)
        if (answer && !answer.ok) log.error({ stream: name, status: answer.status }, 'nginx did not drop a publisher')
      },
      async close() {
        rest()
        await nginx.close()
        await hook.close()
      },
    }
  } catch (error) {
    await hook.close()
    throw error
  }
}

function logged(child: Child, log: Logger): Child {
  child.process.stderr
    ?.setEncoding('utf8')
    .on('data', (text: string) => log.debug({ nginx: redact(text.trim()) }, 'nginx says'))
  return child
}
