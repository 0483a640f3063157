import type { IncomingMessage } from 'node:http'
import type { FastifyInstance } from 'fastify'
import type { Access } from '../access/access.ts'
import { bearerOf } from '../access/credentials.ts'
import type { Limits } from '../access/limits.ts'
import type { Origins } from '../access/origins.ts'
import { addressOf } from '../access/request.ts'
import type { Metrics } from '../monitor/metrics.ts'
import { type EventContext, eventRoutes } from './events.ts'
import { type HealthContext, healthRoute } from './health.ts'
import { metricsRoute } from './metrics.ts'
import { describeApi } from './openapi.ts'
import { type RecordingContext, recordingFiles, recordingRoutes } from './recordings.ts'
import { errors } from './schemas.ts'
import { type StatusContext, statusRoute } from './status.ts'
import { type StreamContext, stopRoute, streamRoutes } from './streams.ts'
import { type TargetContext, targetRoutes } from './targets.ts'
import { type ThumbnailContext, thumbnailRoute } from './thumbnails.ts'
import { tokenRoutes } from './tokens.ts'
import { type Api, checkRequests, MAX_BODY_BYTES } from './validation.ts'

/** What the API tells of, and changes. */
export interface ApiContext
  extends TargetContext,
    RecordingContext,
    EventContext,
    StatusContext,
    StreamContext,
    ThumbnailContext,
    HealthContext {
  version: string
  limits: Limits
  metrics: Metrics
  origins: Origins
  /** Base of the links that are handed out to a request. */
  base(request: IncomingMessage): string
}

/** Adds all routes of the API to `app`, and the document that describes them. */
export async function apiRoutes(app: FastifyInstance, context: ApiContext): Promise<void> {
  const { version, directory, access, limits } = context
  checkRequests(app)
  app.addHook('onRequest', async ({ raw, routeOptions }) => {
    // Whoever looks after the gateway is not to be told that it is well, but was asked too often.
    if (routeOptions.url !== `${app.prefix}/healthz`) await limits.note('calls', addressOf(raw))
  })
  await describeApi(app, version)
  const api: Api = app.withTypeProvider()
  healthRoute(api, context)
  streamRoutes(api, context)
  targetRoutes(api, context)
  thumbnailRoute(api, context)
  recordingFiles(api, context)
  metricsRoute(api, context.metrics, access, context.origins)
  await app.register(async (scope) => {
    forOperators(scope, access)
    const admin: Api = scope.withTypeProvider()
    tokenRoutes(admin, access)
    stopRoute(admin, directory, access)
    recordingRoutes(admin, context)
    eventRoutes(admin, context)
    statusRoute(admin, context)
  })
}

/** Makes every route of `scope` ask for the admin key, and say so in its description. */
function forOperators(scope: FastifyInstance, access: Access): void {
  scope.addHook('onRequest', async (request) => access.requireAdmin(bearerOf(request.raw)))
  scope.addHook('onRoute', (route) => {
    route.bodyLimit = MAX_BODY_BYTES
    if (!route.schema?.tags) return
    route.schema = {
      ...route.schema,
      security: [{ adminKey: [] }],
      response: { ...errors(400, 401, 403, 413, 415, 429), ...(route.schema.response as object) },
    }
  })
}
