import type { Http2SecureServer } from 'node:http2'
import type { Server as HttpsServer } from 'node:https'
import type { SecureContextOptions } from 'node:tls'
import Fastify, {
  type FastifyBaseLogger,
  type FastifyHttp2SecureOptions,
  type FastifyInstance,
  type FastifyServerOptions,
  LogController,
} from 'fastify'
import type { Logger } from 'pino'
import { isLoopback } from './access/request.ts'
import type { Config } from './config/config.ts'
import type { Ffmpeg } from './ffmpeg/locate.ts'
import { type Gateway, type GatewayRtmp, startGateway } from './gateway.ts'
import { answerError, refuseRequest } from './http/errors.ts'
import { MAX_STREAMS, nameHosts } from './http/http2.ts'
import { readTls, watchTls } from './http/tls.ts'
import { addressInUrl, portError } from './net/port.ts'

/** How long the head of a request may take: one who sends it byte by byte holds a socket for no longer. */
const HEAD_PATIENCE_MS = 10_000

/** And all of it: what is long is what is answered, not what is asked. */
const REQUEST_PATIENCE_MS = 30_000

/** A gateway with a server of its own. */
export interface App {
  /** Where it listens, such as `http://127.0.0.1:8080`. */
  url: string
  rtmp: GatewayRtmp
  /** Reads again what can be read again while it runs: the certificate, and the public keys that tokens are checked with. */
  reload(): Promise<void>
  /** Ends broadcasts and outputs cleanly, and everything that was started. */
  close(): Promise<void>
}

/**
 * Starts a gateway, and a server of HTTP for it.
 * @throws ExitError where something that it needs is missing or taken
 */
export async function startApp(config: Config, ffmpeg: Ffmpeg, log: Logger): Promise<App> {
  const tls = config.tls ? await readTls(config.tls) : null
  const url = `${tls ? 'https' : 'http'}://${addressInUrl(config.host)}:${config.port}`
  const gateway = await startGateway(config, ffmpeg, { url, prefix: '', isLocal: isLoopback(config.host), tls }, log)
  const closing = new AbortController()
  let rereadTls = async () => {}
  try {
    const app = fastify(tls, log)
    await gateway.register(app)
    gateway.watchConnections(app.server)
    if (config.tls) {
      const use = (context: SecureContextOptions) => {
        const server = app.server as HttpsServer
        server.setSecureContext(context)
        gateway.useCertificate(context)
      }
      rereadTls = watchTls(config.tls, use, log, closing.signal)
    }
    await listen(app, config)
    const url = urlOf(app, tls !== null, config)
    log.info({ url, rtmp: gateway.rtmp.url, rtmpServer: gateway.rtmp.kind, ffmpeg: ffmpeg.version }, 'gateway is ready')
    return { url, rtmp: gateway.rtmp, reload, close: () => close(app, gateway) }
  } catch (error) {
    closing.abort()
    await gateway.close()
    throw error
  }

  async function reload(): Promise<void> {
    gateway.reload()
    await rereadTls()
  }

  async function close(app: FastifyInstance, gateway: Gateway): Promise<void> {
    closing.abort()
    await gateway.close()
    await app.close()
  }
}

/** Where it listens: port 0 has become one that was free. */
function urlOf({ server }: FastifyInstance, isSecure: boolean, { host, port }: Config): string {
  const address = server.address()
  const own = typeof address === 'object' && address !== null ? address.port : port
  return `${isSecure ? 'https' : 'http'}://${addressInUrl(host)}:${own}`
}

function fastify(tls: object | null, log: Logger): FastifyInstance {
  const loggerInstance: FastifyBaseLogger = log
  const options: FastifyServerOptions = {
    loggerInstance,
    logController: new LogController({ disableRequestLogging: true }),
    clientErrorHandler: refuseRequest,
    frameworkErrors: answerError,
    forceCloseConnections: true,
    requestTimeout: REQUEST_PATIENCE_MS,
  }
  const http = { headersTimeout: HEAD_PATIENCE_MS, connectionsCheckingInterval: HEAD_PATIENCE_MS / 2 }
  // Its types tell servers with and without TLS, and of HTTP/2, apart; its routes do not.
  if (!tls) return Fastify({ ...options, http }) as unknown as FastifyInstance
  const settings = { maxConcurrentStreams: MAX_STREAMS }
  const secure: FastifyHttp2SecureOptions<Http2SecureServer> = {
    ...(options as object),
    http2: true,
    https: { ...tls, ...http, allowHTTP1: true, settings },
  }
  const app = Fastify(secure)
  // For connections of HTTP/1.1, which WebSockets need.
  Object.assign(app.server, { headersTimeout: HEAD_PATIENCE_MS, requestTimeout: REQUEST_PATIENCE_MS })
  nameHosts(app.server)
  return app as unknown as FastifyInstance
}

async function listen(app: FastifyInstance, { host, port }: Config): Promise<void> {
  try {
    await app.listen({ host, port })
  } catch (error) {
    if (error instanceof Error && 'code' in error) throw portError(error, host, port, '--port')
    throw error
  }
}
