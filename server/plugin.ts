import type { FastifyInstance, RegisterOptions } from 'fastify'
import type { Logger } from 'pino'
import { checkedConfig } from './config/config.ts'
import { type GatewayOptions, readOptions } from './config/library.ts'
import { startGateway } from './gateway.ts'
import { requireFfmpeg } from './system/requirements.ts'

/** Why some options of a gateway are none of the plugin's. */
const LISTENS = 'The app listens.'
const NO_CERTIFICATE = "The certificate is the app's."

/** Options of the plugin: those of a gateway, but where it listens, which is the app's: `host` is that of its RTMP server. Fastify takes `prefix`. */
export type PluginOptions = Omit<GatewayOptions, 'port' | 'rtmpsPort' | 'tls' | 'tlsCert' | 'tlsKey'> & {
  prefix?: string
}

/**
 * A gateway as a part of a Fastify app: `app.register(castgate, { prefix: '/live', secret })`. It takes the app's log, and ends with it.
 * The app's `onRequest` hooks stand before its WebSockets as before its other routes. Upgrades that nobody in the app takes are refused.
 * @throws ExitError where something that it needs is missing or taken, or there are neither tokens nor `insecureOpen`
 */
export async function castgate(app: FastifyInstance, given: PluginOptions): Promise<void> {
  const {
    prefix: _,
    logLevel: _level,
    logSerializers: _serializers,
    ...options
  } = given as RegisterOptions & PluginOptions
  const config = checkedConfig(readOptions(options, { port: LISTENS, rtmpsPort: NO_CERTIFICATE, tls: LISTENS }), true)
  const ffmpeg = await requireFfmpeg(config.ffmpeg, false)
  // Fastify's logger is pino's, or has its methods.
  const log = app.log as unknown as Logger
  const prefix = app.prefix.replace(/\/+$/, '')
  const gateway = await startGateway(
    config,
    ffmpeg,
    { url: 'http://127.0.0.1', prefix, isLocal: false, tls: null },
    log,
  )
  app.addHook('preClose', () => gateway.close())
  try {
    // The app's log would have the query of each request, and with it the tokens of viewers.
    await app.register((routes) => gateway.register(routes), { logLevel: 'warn' })
  } catch (error) {
    await gateway.close()
    throw error
  }
}
