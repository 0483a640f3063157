import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Fastify, { type FastifyInstance } from 'fastify'
import { pino } from 'pino'
import { Access } from '../access/access.ts'
import { Limits } from '../access/limits.ts'
import { Origins } from '../access/origins.ts'
import { SignedLinks } from '../access/signed-links.ts'
import { Viewing } from '../access/viewing.ts'
import { Archive } from '../archive/archive.ts'
import { Directory } from '../broadcast/directory.ts'
import { type Config, DEFAULTS } from '../config/config.ts'
import { Events } from '../events/events.ts'
import { Ffmpegs } from '../ffmpeg/ffmpegs.ts'
import { errorHandlers } from '../http/errors.ts'
import { Metrics } from '../monitor/metrics.ts'
import { Monitor } from '../monitor/monitor.ts'
import { Pulse } from '../monitor/pulse.ts'
import { Thumbnails } from '../playback/thumbnails.ts'
import { PRESET_HOSTS } from '../targets/presets.ts'
import { Targets } from '../targets/targets.ts'
import { VERSION } from '../version.ts'
import { apiRoutes } from './api.ts'

/** The API alone, of a gateway where nothing is live. */
export async function apiOf(settings: Partial<Config> = {}): Promise<FastifyInstance> {
  const config = { ...DEFAULTS, ...settings }
  const app = Fastify()
  errorHandlers(app)
  const access = new Access({ ...config, isPrivate: config.private })
  const limits = new Limits(config.limitsPerAddress, config.limitsInAll)
  const origins = new Origins({ allowed: config.origins, publicUrl: null })
  const viewing = new Viewing(access, limits, origins)
  const directory = new Directory()
  const log = pino({ level: 'silent' })
  const ffmpeg = { path: process.execPath, version: '' }
  const ffmpegs = new Ffmpegs(ffmpeg.path)
  const targets = new Targets({ targets: [], hosts: PRESET_HOSTS, log, onState: () => {} })
  const events = new Events()
  const directoryOfArchive = await mkdtemp(join(tmpdir(), 'castgate-api-'))
  const archive = await Archive.open({
    ...{ directory: directoryOfArchive, ffmpegs, floorBytes: config.diskFloorBytes },
    ...{ keepSeconds: null, keepBytes: null, upload: null, events, log },
  })
  const pulse = new Pulse(() => [])
  const monitor = new Monitor({
    ...{ version: VERSION, ffmpeg, ffmpegs, dataDir: config.dataDir, floorBytes: 0 },
    ...{ directory, archive, pulse, log, webhooks: { failing: () => [] }, connections: { problem: () => null } },
  })
  const metrics = new Metrics({ directory, archive, events, monitor })
  app.addHook('onClose', async () => {
    pulse.close()
    monitor.close()
    await archive.close()
    await rm(directoryOfArchive, { recursive: true, force: true })
  })
  await app.register((api) =>
    apiRoutes(api, {
      ...{ version: VERSION, directory, access, limits, viewing, targets, archive, events, pulse, monitor, metrics },
      ...{ thumbnails: new Thumbnails(ffmpegs), links: new SignedLinks(), ffmpeg, origins },
      rtmp: { kind: 'embedded', url: 'rtmp://127.0.0.1/live', problem: () => null },
      ...{ base: () => '', publishersMayAdd: config.publisherTargets, isPublisher: () => false },
    }),
  )
  return app
}

/** The document that describes the API (OpenAPI 3.1): the typed client is made from it. */
export async function apiDocument(): Promise<object> {
  const app = await apiOf()
  try {
    const { payload } = await app.inject('/api/openapi.json')
    return JSON.parse(payload) as object
  } finally {
    await app.close()
  }
}
