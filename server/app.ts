import { mkdir, readdir, rm, stat } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { join } from 'node:path'
import Fastify, { type FastifyBaseLogger, type FastifyInstance, LogController } from 'fastify'
import type { Logger } from 'pino'
import { IngestError } from '../shared/close-codes.ts'
import { answerError, errorHandlers, rawResponse, refuseRequest } from './api/errors.ts'
import { healthRoute } from './api/health.ts'
import { hlsFileRoutes } from './api/hls-files.ts'
import { pageRoutes } from './api/pages.ts'
import { baseOf, playbackLinks } from './api/playback.ts'
import { statusOf, streamRoutes } from './api/streams.ts'
import type { Broadcast } from './broadcast/broadcast.ts'
import { Directory } from './broadcast/directory.ts'
import type { Config } from './config.ts'
import type { Ffmpeg } from './ffmpeg/locate.ts'
import { killRunningFfmpegs } from './ffmpeg/run.ts'
import { IngestRoute } from './ingest/route.ts'
import { type RtmpSource, startRtmpSource } from './ingest/rtmp-source.ts'
import { FlvRoute } from './outputs/flv/route.ts'
import { HLS_PLAYLIST_SECONDS } from './outputs/hls-shape.ts'
import { LlHlsRoute } from './outputs/ll-hls/route.ts'
import { startRtmpTarget } from './outputs/rtmp.ts'
import { addressInUrl, portError } from './rtmp-server/port.ts'
import type { RtmpServer } from './rtmp-server/rtmp-server.ts'
import { startRtmpServer } from './rtmp-server/start.ts'

/**
 * How long sources, and then outputs, may take to end when the gateway ends; the RTMP server needs a moment after them, and all is
 * over in 5 s.
 */
const SOURCE_PATIENCE_MS = 1_500
const OUTPUT_PATIENCE_MS = 3_000

/** How long the head of a request may take: one who sends it byte by byte holds a socket for no longer. */
const HEAD_PATIENCE_MS = 10_000
/** How often playlists and segments that are over are looked for. */
const CLEAN_UP_MS = 60_000

/** A running gateway. */
export interface Gateway {
  /** Where it listens, such as `http://127.0.0.1:8080`. */
  url: string
  rtmp: RtmpServer
  /** Ends broadcasts and outputs cleanly, and everything that was started. */
  close(): Promise<void>
}

/**
 * Wires a gateway and starts it. `clientDirectory` holds the built pages.
 * @throws ExitError where something that it needs is missing or taken
 */
export async function startGateway(
  config: Config,
  ffmpeg: Ffmpeg,
  clientDirectory: string,
  log: Logger,
): Promise<Gateway> {
  const hlsDirectory = join(config.dataDir, 'hls')
  await mkdir(hlsDirectory, { recursive: true })
  await removeOldMedia(hlsDirectory)
  const cleanUp = setInterval(() => {
    removeOldMedia(hlsDirectory).catch((error) => log.warn({ err: error }, 'old media could not be removed'))
  }, CLEAN_UP_MS)
  const directory = new Directory({
    onLive: addOutputs,
    onFault: (broadcast, error) => log.error({ err: error, stream: broadcast.name }, 'an output failed'),
  })
  const sources = new Map<string, RtmpSource>()
  const rtmp = await startRtmpServer(config, hlsDirectory, log, { onPublish, onUnpublish })
  const here = `http://${addressInUrl(config.host)}:${config.port}`
  const base = (request: IncomingMessage) => baseOf(request, config.publicUrl, here)
  const ingest = new IngestRoute({
    directory,
    ffmpegPath: ffmpeg.path,
    resumeSeconds: config.resumeSeconds,
    log,
    playbackOf: (name, request) => playbackLinks(base(request), name),
    statusOf,
  })
  const flv = new FlvRoute(directory)
  const llHls = new LlHlsRoute()
  const appLog: FastifyBaseLogger = log
  const app: FastifyInstance = Fastify({
    loggerInstance: appLog,
    logController: new LogController({ disableRequestLogging: true }),
    clientErrorHandler: refuseRequest,
    frameworkErrors: answerError,
    forceCloseConnections: true,
    http: { headersTimeout: HEAD_PATIENCE_MS, connectionsCheckingInterval: HEAD_PATIENCE_MS / 2 },
  })
  try {
    errorHandlers(app)
    await pageRoutes(app, clientDirectory)
    healthRoute(app, ffmpeg, rtmp)
    streamRoutes(app, directory, base)
    llHls.register(app, !rtmp.makesHls)
    if (rtmp.makesHls) hlsFileRoutes(app, directory, hlsDirectory)
    flv.register(app)
    app.server.on('upgrade', (request, socket, head) => {
      // Node leaves an upgraded socket to whoever takes it, with its errors and its end.
      socket.on('error', () => socket.destroy())
      const [, route, name = ''] = /^\/(ingest|live)\/([^/?]*)(?:\?|$)/.exec(request.url ?? '') ?? []
      if (route === 'ingest') return ingest.handleUpgrade(name, request, socket, head)
      if (route === 'live') return flv.handleUpgrade(name, request, socket, head)
      socket.end(rawResponse(404, 'There is no WebSocket at this address.'), () => socket.destroy())
    })
    await listen()
  } catch (error) {
    clearInterval(cleanUp)
    await rtmp.close()
    throw error
  }
  log.info({ url: here, rtmp: rtmp.url, rtmpServer: rtmp.kind, ffmpeg: ffmpeg.version }, 'gateway is ready')
  return { url: here, rtmp, close }

  async function listen(): Promise<void> {
    try {
      await app.listen({ host: config.host, port: config.port })
    } catch (error) {
      if (error instanceof Error && 'code' in error) throw portError(error, config.host, config.port, '--port')
      throw error
    }
  }

  function addOutputs(broadcast: Broadcast): void {
    const shared = { ffmpegPath: ffmpeg.path, log }
    // What an encoder publishes to our server is there already.
    if (broadcast.source !== 'rtmp') {
      broadcast.addOutput(
        startRtmpTarget(broadcast, { name: rtmp.kind, url: rtmp.publishUrl(broadcast.name), ...shared }),
      )
    }
    llHls.start(broadcast)
    log.info({ stream: broadcast.name }, 'broadcast is live')
  }

  function onPublish(name: string): boolean {
    const broadcast = claimFor(name)
    if (!broadcast) return false
    const source = startRtmpSource(broadcast, rtmp.playUrl(name), ffmpeg.path, log.child({ stream: name }))
    sources.set(name, source)
    return true
  }

  function claimFor(name: string): Broadcast | null {
    try {
      return directory.claim(name, 'rtmp')
    } catch (error) {
      if (!(error instanceof IngestError)) throw error
      log.warn({ stream: name, code: error.code }, 'an encoder was refused')
      return null
    }
  }

  function onUnpublish(name: string): void {
    const source = sources.get(name)
    // It stays in the map until it is closed, so that the gateway does not end before it.
    void source?.close().then(() => {
      if (sources.get(name) === source) sources.delete(name)
    })
  }

  async function close(): Promise<void> {
    log.info('gateway is shutting down')
    clearInterval(cleanUp)
    directory.refuseNew()
    const hurry = [
      setTimeout(() => killRunningFfmpegs('sources'), SOURCE_PATIENCE_MS),
      setTimeout(() => killRunningFfmpegs('all'), OUTPUT_PATIENCE_MS),
    ]
    try {
      await ingest.close()
      await Promise.all([...sources.values()].map((source) => source.close()))
      await directory.close()
    } finally {
      for (const timer of hurry) clearTimeout(timer)
    }
    llHls.close()
    await app.close()
    await rtmp.close()
  }
}

/** Playlists and segments of broadcasts that are long over. Newer ones stay: a broadcast may go on where it was. */
async function removeOldMedia(directory: string): Promise<void> {
  const oldest = Date.now() - 2 * HLS_PLAYLIST_SECONDS * 1000
  for (const name of await readdir(directory)) {
    if (!/\.(m3u8|ts)$/.test(name)) continue
    const file = join(directory, name)
    if ((await stat(file)).mtimeMs < oldest) await rm(file)
  }
}
