import { Type } from 'typebox'
import type { Access } from '../access/access.ts'
import { bearerOf } from '../access/credentials.ts'
import type { Origins } from '../access/origins.ts'
import { addressOf } from '../access/request.ts'
import type { Metrics } from '../monitor/metrics.ts'
import { errors } from './schemas.ts'
import type { Api } from './validation.ts'

/** `GET /metrics`, for Prometheus: with the admin key, where there is one; else for programs on this machine. */
export function metricsRoute(api: Api, metrics: Metrics, access: Access, origins: Origins): void {
  api.get(
    '/metrics',
    {
      schema: {
        operationId: 'getMetrics',
        tags: ['Gateway'],
        summary: 'What Prometheus scrapes',
        security: [{}, { adminKey: [] }],
        response: {
          200: { description: 'In its text format.', content: { 'text/plain': { schema: Type.String() } } },
          ...errors(401, 403, 429),
        },
      },
    },
    async (request, reply) => {
      const isOurs = addressOf(request.raw) === null && !origins.mayBeRebound(request.raw)
      if (access.hasAdminKey || !isOurs) access.requireAdmin(bearerOf(request.raw))
      const { type, text } = await metrics.text()
      return reply.code(200).headers({ 'content-type': type, 'cache-control': 'no-store' }).send(text)
    },
  )
}
