import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { FastifyInstance } from 'fastify'
import { NAMED_SCHEMAS } from './schemas.ts'

/** Where the document is, and the page that shows it. */
const DOCUMENT = '/api/openapi.json'
const PAGE = '/api/docs'

/** The page runs no script but its own; styles it writes into elements itself. */
const PAGE_CSP = [
  "default-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "object-src 'none'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ')

/**
 * Describes the routes with a schema that `app` gets after this: `GET /api/openapi.json` (OpenAPI 3.1), and a page to read it and try it
 * at `/api/docs`. Within an app that has a document of its own, the routes go into that one.
 */
export async function describeApi(app: FastifyInstance, version: string): Promise<void> {
  for (const schema of NAMED_SCHEMAS) app.addSchema(schema)
  if (app.hasDecorator('swagger')) return
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Castgate',
        version,
        description:
          'What a gateway is doing, and what to change about it. Errors have a code for programs and a message for people. Times are ISO 8601, in UTC.',
      },
      servers: [{ url: app.prefix || '/' }],
      components: {
        securitySchemes: {
          adminKey: { type: 'http', scheme: 'bearer', description: 'The key in CASTGATE_ADMIN_KEY.' },
          session: {
            type: 'http',
            scheme: 'bearer',
            description:
              "The id of a publisher's session, for its own broadcast, where the gateway runs with --publisher-targets.",
          },
        },
      },
      tags: [
        { name: 'Gateway', description: 'How it is.' },
        { name: 'Streams', description: 'What is live.' },
        { name: 'Targets', description: 'Where a broadcast is pushed to besides our own server.' },
        { name: 'Recordings', description: 'What was recorded, as MP4.' },
        { name: 'Events', description: 'What happens, as it happens.' },
        { name: 'Tokens', description: 'Who may broadcast and watch.' },
      ],
    },
    hideUntagged: true,
    stripBasePath: true,
    refResolver: {
      buildLocalReference: (json, _, __, index) => String(json.$id ?? `Schema${index}`).replace('castgate.', ''),
    },
  })
  app.get(DOCUMENT, { schema: { hide: true } }, (_, reply) =>
    reply.header('cache-control', 'no-cache').send(app.swagger()),
  )
  await app.register(swaggerUi, {
    routePrefix: PAGE,
    staticCSP: PAGE_CSP,
    logLevel: 'warn',
    uiConfig: {
      url: `${app.prefix}${DOCUMENT}`,
      docExpansion: 'list',
      defaultModelsExpandDepth: 0,
      tryItOutEnabled: true,
      // The key is for this tab alone.
      persistAuthorization: false,
    },
    theme: {
      title: 'Castgate API',
      css: [{ filename: 'castgate.css', content: '.swagger-ui .topbar { display: none }' }],
    },
  })
}
