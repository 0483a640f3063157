import { type Logger, pino } from 'pino'
import { type App, startApp } from './app.ts'
import type { Config } from './config.ts'
import { redactTokens } from './process/redact.ts'
import { requireFfmpeg } from './system/requirements.ts'

/** Time after which a gateway that fails to end is left to the system. */
const LAST_RESORT_MS = 6_000

/** The gateway as a program: starts it, and ends it on SIGTERM or SIGINT. Resolves with the exit code. */
export async function serve(config: Config): Promise<number> {
  const log = pino({ level: config.logLevel, hooks: { streamWrite: redactTokens } })
  const ffmpeg = await requireFfmpeg(config.ffmpeg, config.install)
  const asked = askedToEnd(log)
  const app = await startApp(config, ffmpeg, log)
  greet(app)
  const code = await asked
  setTimeout(() => process.exit(1), LAST_RESORT_MS).unref()
  await app.close()
  return code
}

/** Resolves with the exit code to end with: 0 on a signal, 1 after an error that nobody caught. A second signal ends it at once. */
function askedToEnd(log: Logger): Promise<number> {
  return new Promise((resolve) => {
    let signals = 0
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
      process.on(signal, () => {
        if (++signals > 1) process.exit(1)
        log.info({ signal }, 'asked to end')
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

function greet({ url, rtmp }: App): void {
  const words = [
    `Castgate is ready: open ${url} and press Broadcast.`,
    `RTMP goes to ${rtmp.url} (${rtmp.kind}). Ctrl-C ends it.`,
  ]
  process.stderr.write(`\n${words.map((line) => `  ${line}\n`).join('')}\n`)
}
