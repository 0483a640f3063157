import { type Logger, pino } from 'pino'
import { type App, startApp } from '../app.ts'
import type { ProgramConfig } from '../config/command-line.ts'
import type { Config } from '../config/config.ts'
import { ExitError } from '../process/errors.ts'
import { redactTokens } from '../process/redact.ts'
import { requireFfmpeg } from '../system/requirements.ts'
import { lanConfig, lanGreeting } from './lan.ts'

/** Shortest admin key that nobody guesses, in characters. */
const MIN_ADMIN_KEY_LENGTH = 16

/** Time after which a gateway that fails to end is left to the system. */
const LAST_RESORT_MS = 6_000

/** The gateway as a program: starts it, and ends it on SIGTERM or SIGINT; SIGHUP makes it reload. Resolves with the exit code. */
export async function serve({ gateway: given, lan, logLevel, install }: ProgramConfig): Promise<number> {
  const log = pino({ level: logLevel, hooks: { streamWrite: redactTokens } })
  const gateway = lan ? await lanConfig(given) : given
  if (gateway.adminKey !== null && gateway.adminKey.length < MIN_ADMIN_KEY_LENGTH) {
    log.warn(
      `the admin key is short: use at least ${MIN_ADMIN_KEY_LENGTH} random characters, as of: openssl rand -base64 32`,
    )
  }
  let reload = async () => log.info('there is nothing to read again yet: the gateway is starting')
  process.on('SIGHUP', () => {
    log.info({ signal: 'SIGHUP' }, 'reading again what can be read again')
    void reload()
  })
  const ffmpeg = await requireFfmpeg(gateway.ffmpeg, install)
  const asked = askedToEnd(log)
  const app = await startApp(gateway, ffmpeg, log).catch((error: unknown) => {
    if (!(error instanceof ExitError)) log.fatal({ err: error }, 'the gateway could not start')
    throw error instanceof ExitError ? error : new ExitError('internal', 'The gateway could not start: see the log.')
  })
  reload = () => app.reload()
  process.stderr.write(greeting(app, gateway))
  if (lan) process.stderr.write(await lanGreeting(gateway))
  const code = await asked
  setTimeout(() => process.exit(1), LAST_RESORT_MS).unref()
  await app.close()
  return code
}

/** Resolves with the exit code to end with: 0 on a signal, 1 after an error that nobody caught. A second signal ends it at once. */
function askedToEnd(log: Logger): Promise<number> {
  return new Promise((resolve) => {
    let signals = 0
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.on(signal, () => {
        if (++signals > 1) process.exit(1)
        log.info({ signal }, 'shutting down')
        resolve(0)
      })
    }
    // What is left in an unknown state is ended cleanly, with nginx and all: whoever supervises the gateway starts it again.
    for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
      process.on(event, (error: unknown) => {
        log.fatal({ err: error }, 'an error that nobody caught')
        resolve(1)
      })
    }
  })
}

function greeting({ url, rtmp }: App, { secret, tokenKeys }: Config): string {
  const isOpen = secret === null && tokenKeys === null
  const words = [
    `Castgate is ready: open ${url} and press Broadcast.`,
    isOpen ? 'Everyone who reaches it may broadcast.' : 'Broadcasters need a token: castgate token --help.',
    rtmp.publishUrl === null
      ? `Broadcasts go to ${rtmp.url}. Ctrl-C ends it.`
      : `Encoders publish to ${rtmp.publishUrl}. Ctrl-C ends it.`,
  ]
  return `\n${words.map((line) => `  ${line}\n`).join('')}\n`
}
