import type { FastifyInstance } from 'fastify'
import type { Access } from '../access/access.ts'
import { bearerOf } from '../access/credentials.ts'
import { addressOf } from '../access/request.ts'
import type { Metrics } from '../monitor/metrics.ts'

/** `GET /metrics`, for Prometheus: with the admin key, where there is one; else for programs on this machine. */
export function metricsRoute(app: FastifyInstance, metrics: Metrics, access: Access): void {
  app.get('/metrics', async (request, reply) => {
    if (access.hasAdminKey || addressOf(request.raw) !== null) access.requireAdmin(bearerOf(request.raw))
    const { type, text } = await metrics.text()
    return reply.headers({ 'content-type': type, 'cache-control': 'no-store' }).send(text)
  })
}
