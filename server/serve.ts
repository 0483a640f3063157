import { fileURLToPath } from 'node:url'
import { pino } from 'pino'
import { startGateway } from './app.ts'
import type { Config } from './config.ts'
import { requireFfmpeg } from './system/requirements.ts'

/** The gateway as a program: starts it, and ends it on SIGTERM or SIGINT. Resolves with the exit code. */
export async function serve(config: Config): Promise<number> {
  const log = pino({ level: config.logLevel })
  const ffmpeg = await requireFfmpeg(config.ffmpeg, config.install)
  const asked = new Promise<NodeJS.Signals>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => resolve(signal))
  })
  const clientDirectory = fileURLToPath(new URL('../client', import.meta.url))
  const gateway = await startGateway(config, ffmpeg, clientDirectory, log)
  process.stderr.write(
    `\n  Castgate is ready: open ${gateway.url} and press Broadcast.\n  RTMP goes to ${gateway.rtmp.url} (${gateway.rtmp.kind}). Ctrl-C ends it.\n\n`,
  )
  const signal = await asked
  log.info({ signal }, 'asked to end')
  await gateway.close()
  return 0
}
