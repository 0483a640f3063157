import { readFile } from 'node:fs/promises'
import type { OutgoingHttpHeaders } from 'node:http'
import { join } from 'node:path'
import fastifyStatic from '@fastify/static'
import type { FastifyInstance, FastifyReply } from 'fastify'
import { isStreamName } from '../../shared/stream-name.ts'
import type { Access } from '../access/access.ts'
import type { Origins } from '../access/origins.ts'
import { notFound } from './errors.ts'

/**
 * What the pages may do. Scripts and styles come from here alone; a player fetches media from wherever the links point to, and
 * works on it in a worker made from a blob.
 */
const CONTENT_SECURITY_POLICY = [
  "default-src 'self'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data: blob:",
  "media-src 'self' blob: http: https:",
  "worker-src 'self' blob:",
  "object-src 'none'",
  "base-uri 'none'",
  "form-action 'self'",
].join('; ')

/** A player connects to wherever the links point to. The dashboard, which has the admin key, connects to its gateway alone. */
const CONNECT = { anywhere: "connect-src 'self' ws: wss: http: https:", here: "connect-src 'self'" }

/** Where the pages are served, and to whom. */
export interface PageOptions {
  /** What comes before their paths, or ''. */
  prefix: string
  origins: Origins
  access: Access
  /** Whether publishers may send their broadcasts elsewhere. */
  publisherTargets: boolean
}

/** The pages, `castgate.js`, and what they load. `directory` is what the client was built into. */
export async function pageRoutes(app: FastifyInstance, directory: string, options: PageOptions): Promise<void> {
  const { origins } = options
  await app.register(fastifyStatic, {
    root: join(directory, 'assets'),
    prefix: '/assets/',
    immutable: true,
    maxAge: '1y',
    index: false,
    preCompressed: true,
    // The app that this is a part of may have files of its own.
    decorateReply: false,
    // Modules that a page of another site loads.
    setHeaders: (reply) => reply.header('access-control-allow-origin', '*'),
  })
  app.addHook('onSend', async (_, reply) => {
    reply.header('x-content-type-options', 'nosniff')
    reply.header('referrer-policy', 'no-referrer')
  })
  // Links that are relative hold at the root, with a prefix, and behind a proxy that takes a path away.
  const page = async ([file, root]: readonly [file: string, root: string]) => {
    const html = forPlace(await readFile(join(directory, file), 'utf8'), root, options)
    return (reply: FastifyReply, frameAncestors: string, connect = CONNECT.anywhere) =>
      reply.headers(pageHeaders(frameAncestors, connect)).send(html)
  }
  const [studio, watch, broadcast, player, admin] = await Promise.all(
    (
      [
        // With a prefix it is also served without the slash at its end.
        ['studio.html', options.prefix === '' ? '.' : options.prefix],
        ['watch.html', '..'],
        ['embed-broadcast.html', '../..'],
        ['embed-player.html', '../..'],
        ['admin.html', '.'],
      ] as const
    ).map(page),
  )
  const script = await readFile(join(directory, 'castgate.js'))
  app.get('/castgate.js', (_, reply) =>
    reply
      .headers({
        'content-type': 'text/javascript; charset=utf-8',
        'access-control-allow-origin': '*',
        'cross-origin-resource-policy': 'cross-origin',
        'cache-control': 'no-cache',
      })
      .send(script),
  )
  app.get('/', (_, reply) => studio?.(reply, "'self'"))
  app.get('/admin', (_, reply) => admin?.(reply, "'none'", CONNECT.here))
  forStream('/watch/:name', (reply) => watch?.(reply, "'self'"))
  forStream('/embed/broadcast/:name', (reply) => broadcast?.(reply, origins.frameAncestors('publish')))
  forStream('/embed/player/:name', (reply) => player?.(reply, origins.frameAncestors('play')))

  function forStream(url: string, send: (reply: FastifyReply) => FastifyReply | undefined): void {
    app.get<{ Params: { name: string } }>(url, (request, reply) =>
      isStreamName(request.params.name) ? send(reply) : reply.code(404).send(notFound('There is no such stream.')),
    )
  }
}

/** A page of the client, with its links to what is below `root`, and with what it must know of the gateway. */
function forPlace(html: string, root: string, { origins, access, publisherTargets }: PageOptions): string {
  const facts = {
    'castgate-access': access.isOpen ? 'open' : access.isPrivate ? 'private' : 'token',
    'castgate-origins': origins.named.join(' '),
    'castgate-publisher-targets': publisherTargets ? 'yes' : 'no',
  }
  const meta = Object.entries(facts).map(([name, content]) => `<meta name="${name}" content="${content}" />`)
  return html.replaceAll('="/assets/', `="${root}/assets/`).replace('</head>', `${meta.join('')}</head>`)
}

function pageHeaders(frameAncestors: string, connect: string): OutgoingHttpHeaders {
  return {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': `${CONTENT_SECURITY_POLICY}; ${connect}; frame-ancestors ${frameAncestors}`,
    'cache-control': 'no-cache',
    'cross-origin-opener-policy': 'same-origin',
    'permissions-policy': 'camera=(self), microphone=(self), display-capture=(self)',
  }
}
