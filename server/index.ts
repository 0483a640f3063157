/** `castgate/server`: a gateway inside another program, with a server of its own or as a part of a Fastify app. */
import { type Logger, pino } from 'pino'
import { type App, startApp } from './app.ts'
import { LOG_LEVELS } from './config/command-line.ts'
import { checkedConfig } from './config/config.ts'
import { type GatewayOptions, readOptions } from './config/library.ts'
import { UsageError } from './process/errors.ts'
import { redactTokens } from './process/redact.ts'
import { requireFfmpeg } from './system/requirements.ts'

export { signToken } from './access/access.ts'
export { type Claims, coversStream } from './access/claims.ts'
export { castgate, type PluginOptions } from './plugin.ts'
export type { App, GatewayOptions }

/** Where a gateway logs: a pino logger, or the least severe level that a logger of its own writes to standard output. */
export interface Logging {
  log?: Logger | string
}

/**
 * Starts a gateway with a server of HTTP of its own.
 * @throws ExitError where something that it needs is missing or taken, or others could broadcast without a token
 */
export async function createGateway({ log = 'info', ...options }: GatewayOptions & Logging = {}): Promise<App> {
  if (typeof log === 'string' ? !LOG_LEVELS.includes(log) : typeof log?.info !== 'function') {
    throw new UsageError(`The option "log" cannot be used. It is a pino logger, or one of ${LOG_LEVELS.join(', ')}.`)
  }
  const config = checkedConfig(readOptions(options))
  const ffmpeg = await requireFfmpeg(config.ffmpeg, false)
  const logger = typeof log === 'string' ? pino({ level: log, hooks: { streamWrite: redactTokens } }) : log
  return startApp(config, ffmpeg, logger)
}
