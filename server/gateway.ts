import { readdir, rm, stat } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import type { Server } from 'node:net'
import { join } from 'node:path'
import type { SecureContextOptions } from 'node:tls'
import { fileURLToPath } from 'node:url'
import type { FastifyInstance } from 'fastify'
import type { Logger } from 'pino'
import { GatewayError } from '../shared/errors.ts'
import type { TargetStatus } from '../shared/status.ts'
import { Access } from './access/access.ts'
import { Capacity } from './access/capacity.ts'
import { Connections } from './access/connections.ts'
import { playTokenOf } from './access/credentials.ts'
import { Limits } from './access/limits.ts'
import { Origins } from './access/origins.ts'
import { requireOwnPage } from './access/own-page.ts'
import { addressOf, baseOf } from './access/request.ts'
import { SignedLinks } from './access/signed-links.ts'
import { Viewing } from './access/viewing.ts'
import { apiRoutes } from './api/api.ts'
import { statusOf } from './api/streams.ts'
import { Archive } from './archive/archive.ts'
import { s3Upload } from './archive/upload.ts'
import type { Broadcast } from './broadcast/broadcast.ts'
import { Directory } from './broadcast/directory.ts'
import type { Config } from './config/config.ts'
import { Events } from './events/events.ts'
import { refusalTeller, tellEnd, tellPresence, tellTarget } from './events/of-broadcasts.ts'
import { startWebhooks } from './events/webhooks.ts'
import { Ffmpegs } from './ffmpeg/ffmpegs.ts'
import type { Ffmpeg } from './ffmpeg/locate.ts'
import { compressTexts } from './http/compress.ts'
import { errorHandlers, refuseConnection } from './http/errors.ts'
import { playbackLinks } from './http/links.ts'
import { requireOwnHost } from './http/own-host.ts'
import { pageRoutes } from './http/pages.ts'
import { sdpSessionRoutes } from './http/sdp-sessions.ts'
import { routeUpgrades } from './http/upgrades.ts'
import { IngestRoute } from './ingest/route.ts'
import { RtmpIngest } from './ingest/rtmp.ts'
import { WhipIngest } from './ingest/whip/whip.ts'
import { Metrics } from './monitor/metrics.ts'
import { Monitor } from './monitor/monitor.ts'
import { Pulse } from './monitor/pulse.ts'
import { hlsFileRoutes } from './nginx/hls-files.ts'
import { HLS_PLAYLIST_SECONDS } from './nginx/hls-shape.ts'
import { LargePictures } from './nginx/large-pictures.ts'
import { FanOuts } from './playback/fan-outs.ts'
import { FlvRoute } from './playback/flv.ts'
import { LlHlsRoute } from './playback/ll-hls/route.ts'
import { RtmpPlayback } from './playback/rtmp.ts'
import { Thumbnails } from './playback/thumbnails.ts'
import { WhepPlayback } from './playback/whep/whep.ts'
import { hasCode, MissingError } from './process/errors.ts'
import { makeOwnDirectory } from './process/own-directory.ts'
import { Turns } from './process/turns.ts'
import type { RtmpRequest } from './rtmp/peer.ts'
import { openRtmpDoor, type RtmpDoor } from './rtmp-door.ts'
import { startMediaServer } from './start-media-server.ts'
import type { MediaServer } from './targets/media-server.ts'
import { startOwnServer } from './targets/own-server.ts'
import { Targets } from './targets/targets.ts'
import { VERSION } from './version.ts'
import { WEBRTC_PORT, type WebRtcDoor, webRtcDoor } from './webrtc/door.ts'
import { IcePort } from './webrtc/ice-port.ts'

/**
 * How long sources, and then outputs, may take to end when the gateway ends; the RTMP server needs a moment after them, and all is
 * over in 5 s.
 */
const SOURCE_PATIENCE_MS = 1_500
const OUTPUT_PATIENCE_MS = 3_000

/** How often playlists and segments that are over are looked for. */
const CLEAN_UP_MS = 60_000

/** Rights of other users: what is in the data directory, recordings among it, is for the gateway's user alone. */
const OTHERS = 0o077

/** Where WebSockets are. */
const WEB_SOCKETS = ['/ingest/', '/live/']

/** What the client was built into. */
const CLIENT_DIRECTORY = fileURLToPath(new URL('../client', import.meta.url))

/** A gateway without a server of its own: a Fastify app takes its routes, WebSockets among them. */
export interface Gateway {
  /** What it pushes to over RTMP, and where encoders publish. */
  rtmp: GatewayRtmp
  /** Adds all routes to `app`. */
  register(app: FastifyInstance): Promise<void>
  /** Counts the connections to a server of its own, and refuses those that are too many. */
  watchConnections(server: Server): void
  /** Reads again what can be read again while it runs: the public keys that tokens are checked with. */
  reload(): void
  /** Takes another certificate for RTMPS. */
  useCertificate(tls: SecureContextOptions): void
  /** Ends broadcasts and outputs cleanly, and everything that was started but the app. Idempotent. */
  close(): Promise<void>
}

/** The RTMP of a gateway, for people. */
export interface GatewayRtmp {
  kind: MediaServer['kind']
  /** What it pushes to, or where encoders publish where that is one. */
  url: string
  /** Where encoders publish; null for nowhere. */
  publishUrl: string | null
}

/** Where a gateway is reached. */
export interface GatewayPlace {
  /** Its address, where nothing else tells it: `http://127.0.0.1:8080`. */
  url: string
  /** What comes before the paths of its routes, such as `/live`; '' for nothing. */
  prefix: string
  /** Whether programs on this machine alone reach it. */
  isLocal: boolean
  /** Its certificate, for RTMPS; null for none. */
  tls: SecureContextOptions | null
}

/**
 * Starts everything of a gateway but a server of HTTP.
 * @throws ExitError where something that it needs is missing or taken
 */
export async function startGateway(
  config: Config,
  ffmpeg: Ffmpeg,
  { url, prefix, isLocal, tls }: GatewayPlace,
  log: Logger,
): Promise<Gateway> {
  const access = new Access({ ...config, isPrivate: config.private })
  const limits = new Limits(config.limitsPerAddress, config.limitsInAll)
  const connections = new Connections(limits, log)
  const origins = new Origins({ allowed: config.origins, publicUrl: config.publicUrl })
  const viewing = new Viewing(access, limits, origins)
  const ffmpegs = new Ffmpegs(ffmpeg.path)
  const events = new Events()
  const targets = new Targets({
    targets: config.targets,
    hosts: config.targetHosts,
    log,
    onState: (broadcast, target) => tellTarget(events, broadcast, target),
  })
  const archive = await Archive.open({
    directory: join(config.dataDir, 'recordings'),
    ffmpegs,
    floorBytes: config.diskFloorBytes,
    keepSeconds: config.recordKeepSeconds,
    keepBytes: config.recordKeepBytes,
    upload: config.s3 && (await s3Upload(config.s3)),
    ...{ events, log },
  })
  // The directory is ours from here on.
  const hlsDirectory = join(config.dataDir, 'hls')
  try {
    await makeOwnDirectory(hlsDirectory)
    const { mode } = await stat(config.dataDir)
    if ((mode & OTHERS) !== 0) {
      log.warn({ directory: config.dataDir }, 'other users of this machine can read the data directory: chmod 700 it')
    }
    await removeOldMedia(hlsDirectory)
  } catch (error) {
    await archive.close()
    throw error
  }
  const directory = new Directory()
  const pulse = new Pulse(() => directory.all())
  const webhooks = startWebhooks({
    ...{ hooks: config.webhooks, events, log },
    onResult: (result) => metrics.webhooks.inc({ result }),
  })
  const monitor = new Monitor({
    ...{ version: VERSION, ffmpeg, ffmpegs, dataDir: config.dataDir, floorBytes: config.diskFloorBytes },
    ...{ directory, archive, pulse, webhooks, connections, log },
  })
  const metrics = new Metrics({ directory, archive, events, monitor })
  pulse.onBeat((broadcast, beat, bytes) => metrics.beat(broadcast, beat, bytes))
  const cleanUp = setInterval(() => {
    removeOldMedia(hlsDirectory).catch((error) => log.warn({ err: error }, 'old media could not be removed'))
  }, CLEAN_UP_MS)
  const capacity = new Capacity(config, () => monitor.load())
  const turns = new Turns()
  const { maxPicture: mostPicture, resumeSeconds } = config
  const fanOuts = new FanOuts()
  const tellRefusal = refusalTeller(events)
  const rtmpIngest = new RtmpIngest({
    ...{ directory, access, limits, ffmpegs, turns, capacity, mostPicture, resumeSeconds, log },
    onCutOff: tellRefusal,
  })
  const rtmpPlayback = new RtmpPlayback({ directory, access, limits, fanOuts })
  const { server, door, webRtc } = await openDoors().catch(async (error) => {
    stopLooking()
    await Promise.all([archive.close(), webhooks.close()])
    throw error
  })
  const rtmp: GatewayRtmp = { kind: server.kind, url: server.url ?? door.url ?? '', publishUrl: door.url }
  monitor.watch(server, rtmp.url)
  // A public URL says all of it, with a prefix where there is one.
  const base = (request: IncomingMessage) =>
    config.publicUrl === null ? baseOf(request, null, url) + prefix : baseOf(request, config.publicUrl, url)
  const ingest = new IngestRoute({
    directory,
    access,
    limits,
    origins,
    isLocal,
    ffmpegs,
    capacity,
    turns,
    mostPicture,
    resumeSeconds,
    log,
    onChunkTaken: (seconds) => metrics.chunkTaken(seconds),
    onFfmpegLost: () => metrics.ffmpegLosses.inc(),
    playbackOf: (name, request) => playbackLinks(base(request), name),
    statusOf,
  })
  const whip = new WhipIngest({
    ...{ directory, access, limits, ffmpegs, capacity, turns, mostPicture, resumeSeconds, log, statusOf },
    onChunkTaken: (seconds) => metrics.chunkTaken(seconds),
    onFfmpegLost: () => metrics.ffmpegLosses.inc(),
    onCutOff: tellRefusal,
    onReceived: (counters) => metrics.receivedOverWebRtc(counters),
  })
  const whep = new WhepPlayback({ directory, access, limits, ffmpegs, mostViewers: config.webrtcViewers, log })
  const flv = new FlvRoute(directory, viewing, fanOuts)
  const llHls = new LlHlsRoute(viewing)
  const thumbnails = new Thumbnails(ffmpegs)
  directory.on('live', addOutputs)
  directory.on('presence', (broadcast) => tellPresence(events, broadcast))
  directory.on('sound', ({ logFields }, isFilled) => {
    if (isFilled) log.warn(logFields, 'the sound is missing: silence stands in for it')
    else log.info(logFields, 'the sound is back')
  })
  directory.on('picture', ({ logFields }, isStill) => {
    if (isStill) log.info(logFields, 'the picture stands still: it is sent again')
    else log.info(logFields, 'the picture moves again')
  })
  directory.on('fault', ({ logFields }, error) => log.error({ err: error, ...logFields }, 'a listener failed at a tag'))
  directory.on('closed', (broadcast) => {
    pulse.end(broadcast)
    tellEnd(events, broadcast)
  })
  let closing: Promise<void> | null = null
  return {
    rtmp,
    async register(app) {
      errorHandlers(app)
      compressTexts(app)
      if (isLocal && !access.isGuarded) requireOwnHost(app, origins)
      const { publisherTargets } = config
      await pageRoutes(app, CLIENT_DIRECTORY, { prefix, origins, access, publisherTargets })
      await app.register((api) =>
        apiRoutes(api, {
          ...{ version: VERSION, directory, access, limits, viewing, base, targets, archive, events },
          ...{
            monitor,
            pulse,
            metrics,
            thumbnails,
            ffmpeg,
            origins,
            rtmp: { ...rtmp, problem: () => server.problem() },
            links: new SignedLinks(),
          },
          publishersMayAdd: publisherTargets,
          isPublisher: (broadcast, session) => ingest.isPublisher(broadcast, session),
        }),
      )
      llHls.register(app, !server.makesHls)
      if (server.makesHls) hlsFileRoutes(app, directory, hlsDirectory, viewing)
      flv.register(app)
      ingest.register(app)
      await sdpSessionRoutes(app, prefix, {
        path: '/whip',
        corsOf: (request) => origins.corsOf(request),
        requireOrigin: (request) => requireOwnPage(request, { access, origins, isLocal }),
        post: (name, sdp, request) =>
          whip.publish(requireWebRtc(), {
            ...{ name, sdp, token: playTokenOf(request), address: addressOf(request) },
            playback: playbackLinks(base(request), name),
          }),
        patch: (name, id, fragment, condition) => whip.patch(name, id, fragment, condition),
        delete: (name, id) => whip.delete(name, id),
      })
      await sdpSessionRoutes(app, prefix, {
        path: '/whep',
        corsOf: (request) => viewing.corsOf(request),
        requireOrigin: (request) => viewing.requireOrigin(request),
        post: (name, sdp, request) =>
          whep.play(requireWebRtc(), { name, sdp, token: playTokenOf(request), address: addressOf(request) }),
        patch: (name, id, fragment, condition) => whep.patch(name, id, fragment, condition),
        delete: (name, id) => whep.delete(name, id),
      })
      routeUpgrades(app, (path) => WEB_SOCKETS.some((route) => path.startsWith(`${prefix}${route}`)))
    },
    watchConnections: (server) => connections.watch(server, refuseConnection),
    reload() {
      try {
        if (access.reloadKeys()) log.info('the keys of tokens were read again')
      } catch (error) {
        log.error({ err: error }, 'the changed keys of tokens are not used')
      }
    },
    useCertificate: (next) => door.useCertificate(next),
    close() {
      closing ??= close()
      return closing
    },
  }

  /** The server that broadcasts are pushed to, the door for encoders, and the one for WebRTC. */
  async function openDoors(): Promise<{ server: MediaServer; door: RtmpDoor; webRtc: WebRtcDoor | null }> {
    const webRtc = await openWebRtc()
    try {
      const server = await startMediaServer(config, hlsDirectory, log)
      try {
        return { server, door: await openDoor(server), webRtc }
      } catch (error) {
        await server.close()
        throw error
      }
    } catch (error) {
      await webRtc?.port.close()
      throw error
    }
  }

  function requireWebRtc(): WebRtcDoor {
    if (webRtc) return webRtc
    throw new GatewayError('unavailable', 'This server takes no WebRTC: see --webrtc-port.')
  }

  async function openWebRtc(): Promise<WebRtcDoor | null> {
    const { webrtcPort: wanted, webrtcAddresses, host } = config
    if (wanted === 0) return null
    const watch = (server: Server) => connections.watch(server, (socket) => socket.destroy())
    try {
      const port = await IcePort.open({ host, port: wanted ?? WEBRTC_PORT, option: '--webrtc-port', watch })
      return webRtcDoor(port, webrtcAddresses)
    } catch (error) {
      // Nobody asked for it: another gateway of this machine may have it.
      if (wanted !== null || !(error instanceof MissingError)) throw error
      log.warn({ reason: error.message }, 'nothing is taken over WebRTC')
      return null
    }
  }

  async function openDoor({ kind }: MediaServer): Promise<RtmpDoor> {
    const { host, rtmpPort, rtmpsPort } = config
    const options = {
      ...{ host, rtmpsPort, tls, connections, turns, log },
      handlers: {
        publish: (request: RtmpRequest) => rtmpIngest.publish(request),
        play: (request: RtmpRequest) => rtmpPlayback.play(request),
      },
      onRefused: tellRefusal,
    }
    try {
      return await openRtmpDoor({ ...options, rtmpPort })
    } catch (error) {
      // The server that is pushed to may be one of this machine, at the usual port.
      if (kind !== 'external' || !(error instanceof MissingError)) throw error
      log.warn({ reason: error.message }, 'encoders cannot publish to this gateway')
      return openRtmpDoor({ ...options, rtmpPort: null })
    }
  }

  function addOutputs(broadcast: Broadcast): void {
    const { name } = broadcast
    log.info(broadcast.logFields, 'broadcast is live')
    events.emit('stream.started', broadcast.logFields, `"${name}" is live.`)
    const place = server.placeOf(name)
    if (place) {
      const onState = (target: TargetStatus) => tellTarget(events, broadcast, target)
      broadcast.addOutput(startOwnServer(broadcast, { name: server.kind, ...place, log, onState }))
    }
    if (server.kind === 'nginx') broadcast.listen(new LargePictures(broadcast, log))
    targets.start(broadcast)
    if (config.record || broadcast.publisher?.record) record(broadcast)
    llHls.start(broadcast)
  }

  /** The broadcast goes on without a recording where there can be none. */
  function record(broadcast: Broadcast): void {
    try {
      archive.start(broadcast)
    } catch (error) {
      log.error({ err: error, ...broadcast.logFields }, 'broadcast is not recorded')
    }
  }

  /** Ends what is done now and then. */
  function stopLooking(): void {
    clearInterval(cleanUp)
    pulse.close()
    monitor.close()
  }

  async function close(): Promise<void> {
    log.info('gateway is shutting down')
    stopLooking()
    directory.refuseNew()
    const hurry = [
      setTimeout(() => ffmpegs.kill('sources'), SOURCE_PATIENCE_MS),
      setTimeout(() => ffmpegs.kill('all'), OUTPUT_PATIENCE_MS),
    ]
    try {
      await Promise.all([ingest.close(), whip.close()])
      await rtmpIngest.close()
      await directory.close()
      await archive.close()
    } finally {
      for (const timer of hurry) clearTimeout(timer)
      llHls.close()
      whep.close()
      await Promise.all([webhooks.close(), door.close(), webRtc?.port.close(), server.close(), flv.close()])
    }
  }
}

/** Playlists and segments of broadcasts that are long over. Newer ones stay: a broadcast may go on where it was. */
async function removeOldMedia(directory: string): Promise<void> {
  const oldest = Date.now() - 2 * HLS_PLAYLIST_SECONDS * 1000
  for (const name of await readdir(directory)) {
    if (!/\.(m3u8|ts)$/.test(name)) continue
    const file = join(directory, name)
    // nginx removes some of them itself.
    const found = await stat(file).catch(unlessGone)
    if (found && found.mtimeMs < oldest) await rm(file, { force: true })
  }
}

/** Null for a file that is not there (any more). */
function unlessGone(error: unknown): null {
  if (hasCode(error, 'ENOENT')) return null
  throw error
}
