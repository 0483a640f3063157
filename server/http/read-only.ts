import type { FastifyInstance } from 'fastify'
import type { Viewing } from '../access/viewing.ts'
import { errorBody } from './errors.ts'

/** Answers the other methods at a path that is only read: OPTIONS for pages of other sites, and 405 with what is allowed. */
export function onlyRead(app: FastifyInstance, url: string, viewing: Viewing): void {
  const allow = 'GET, HEAD, OPTIONS'
  app.options(url, (request, reply) =>
    reply
      .code(204)
      .headers({
        allow,
        ...viewing.corsOf(request.raw),
        'access-control-allow-methods': allow,
        'access-control-allow-headers': request.headers['access-control-request-headers'] ?? 'range',
        'access-control-max-age': '86400',
      })
      .send(),
  )
  app.route({
    method: ['POST', 'PUT', 'PATCH', 'DELETE'],
    url,
    onRequest: async (request, reply) =>
      reply
        .code(405)
        .headers({ allow, ...viewing.corsOf(request.raw) })
        .send(errorBody('method_not_allowed', `This address takes ${allow}.`)),
    handler: () => {},
  })
}
