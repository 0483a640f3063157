import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { GatewayError } from '../../../shared/errors.ts'
import { visitorOf } from '../../access/request.ts'
import type { Viewing } from '../../access/viewing.ts'
import type { Broadcast } from '../../broadcast/broadcast.ts'
import { hasAlready, sendBytes, tagOfName, tagOfText } from '../../http/bytes.ts'
import { notFound } from '../../http/errors.ts'
import { withToken } from '../../http/links.ts'
import { onlyRead } from '../../http/read-only.ts'
import { LlHlsOrigin, type Position, type Wait } from './origin.ts'

/** A query of the delivery directives (RFC 8216bis, 6.2.5). */
interface Directives {
  _HLS_msn?: string
  _HLS_part?: string
  _HLS_skip?: string
}

/** How long a stream can be had after its end, in ms. */
const KEPT_MS = 60_000

/** In target durations: how long caches keep a playlist that was waited for, and one that was not (appendix B.1). */
const BLOCKING_CACHED = 6
const PLAIN_CACHED = 0.5

/**
 * `GET /hls/NAME/ll.m3u8`, its parts and segments, and `/hls/NAME/master.m3u8`, which says what it is: low-latency HLS from memory. Where the RTMP server makes no HLS, `/hls/NAME.m3u8` is
 * the same playlist.
 */
export class LlHlsRoute {
  readonly #origins = new Map<string, { origin: LlHlsOrigin; broadcast: Broadcast }>()
  readonly #removals = new Set<NodeJS.Timeout>()
  readonly #viewing: Viewing

  constructor(viewing: Viewing) {
    this.#viewing = viewing
  }

  /** Makes HLS of `broadcast`. It stays for a minute after the end, for viewers who are behind. */
  start(broadcast: Broadcast): void {
    const { name } = broadcast
    const before = this.#origins.get(name)?.origin ?? null
    before?.close()
    const entry = { origin: new LlHlsOrigin(broadcast, before), broadcast }
    this.#origins.set(name, entry)
    broadcast.addOutput({
      status: () => null,
      close: async () => {
        const removal = setTimeout(() => {
          this.#removals.delete(removal)
          if (this.#origins.get(name) === entry) this.#origins.delete(name)
        }, KEPT_MS)
        this.#removals.add(removal)
      },
    })
  }

  /** `isTheLink`: this is what `/hls/NAME.m3u8` plays. */
  register(app: FastifyInstance, isTheLink: boolean): void {
    app.addHook('onRequest', async (request, reply) => {
      if (request.routeOptions.url?.includes('/hls/:')) reply.headers(this.#viewing.corsOf(request.raw))
    })
    app.get<{ Params: { name: string; file: string } }>('/hls/:name/:file', async (request, reply) => {
      const { name, file } = request.params
      await this.#viewing.admit(request.raw, name)
      if (file === 'll.m3u8') return this.#playlist(name, '', request, reply)
      return file === 'master.m3u8' ? this.#multivariant(name, request, reply) : this.#file(name, file, request, reply)
    })
    onlyRead(app, '/hls/:name/:file', this.#viewing)
    if (!isTheLink) return
    app.get<{ Params: { file: string } }>('/hls/:file', async (request, reply) => {
      const [, name] = /^(.*)\.m3u8$/.exec(request.params.file) ?? []
      if (name === undefined) return missing(reply)
      await this.#viewing.admit(request.raw, name)
      return this.#playlist(name, `${name}/`, request, reply)
    })
    onlyRead(app, '/hls/:file', this.#viewing)
  }

  close(): void {
    for (const { origin } of this.#origins.values()) origin.close()
    for (const removal of this.#removals) clearTimeout(removal)
  }

  async #playlist(name: string, prefix: string, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const entry = this.#origins.get(name)
    if (!entry) return missing(reply)
    const { origin, broadcast } = entry
    const directives = request.query as Directives
    const position = positionOf(directives)
    if (position === 'bad')
      throw new GatewayError('bad_request', '_HLS_msn and _HLS_part are whole numbers, and a part has a segment.')
    broadcast.audience.asked('llHls', visitorOf(request.raw))
    // One behind others on the same connection is not held: it could not tell when its client has gone.
    if (reply.raw.socket === null) throw new GatewayError('unavailable', 'Wait for one response before you ask again.')
    const gone = goneSignal(reply)
    const release = this.#viewing.hold(request.raw)
    let end: Wait
    try {
      end = await origin.begun(gone)
      if (end === 'there' && position !== null) end = await origin.reached(position, gone)
    } finally {
      release()
    }
    const { targetSeconds } = origin
    switch (end) {
      case 'too-far':
        throw new GatewayError('bad_request', 'That segment is far in the future. Ask for the next one.')
      case 'too-many':
      case 'timeout':
        void reply.header('retry-after', '1')
        throw new GatewayError('unavailable', 'Nothing new has come yet. Ask again.')
    }
    if (targetSeconds === null) return missing(reply)
    const playlist = origin.playlist(prefix, directives._HLS_skip === 'YES' || directives._HLS_skip === 'v2')
    const cached = position !== null && !origin.ended ? BLOCKING_CACHED : PLAIN_CACHED
    return this.#send(playlist, this.#cached(Math.round(cached * targetSeconds)), request, reply)
  }

  /** What the stream is, for players that choose by it: it is told again to those who ask again. */
  async #multivariant(name: string, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const entry = this.#origins.get(name)
    if (!entry) return missing(reply)
    const release = this.#viewing.hold(request.raw)
    const end = await entry.origin.begun(goneSignal(reply)).finally(release)
    if (end !== 'there') {
      void reply.header('retry-after', '1')
      throw new GatewayError('unavailable', 'Nothing has come yet. Ask again.')
    }
    return this.#send(entry.origin.multivariant('ll.m3u8'), this.#cached(1), request, reply)
  }

  #send(playlist: string, cached: string, request: FastifyRequest, reply: FastifyReply): FastifyReply {
    const text = withToken(playlist, this.#viewing.tokenForLinks(request.raw))
    const tag = tagOfText(text)
    void reply.header('cache-control', cached).header('etag', tag)
    if (hasAlready(request, tag)) return reply.code(304).send()
    return reply.header('content-type', 'application/vnd.apple.mpegurl').send(text)
  }

  /** What is for those with a token is not for a cache that many share. */
  #cached(seconds: number, more = ''): string {
    return `${this.#viewing.isPrivate ? 'private' : 'public'}, max-age=${seconds}${more}`
  }

  async #file(name: string, file: string, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const gone = reply.raw.socket === null ? AbortSignal.abort() : goneSignal(reply)
    // It may be held until the part is there.
    const release = this.#viewing.hold(request.raw)
    const entry = this.#origins.get(name)
    let bytes: Buffer | null | undefined
    try {
      bytes = await entry?.origin.file(file, gone)
    } finally {
      release()
    }
    if (!bytes) return missing(reply)
    entry?.broadcast.audience.sent(bytes.length)
    void reply.header('content-type', 'video/mp4').header('cache-control', this.#cached(3600, ', immutable'))
    return sendBytes(request, reply, bytes, tagOfName(file))
  }
}

/** The position that the directives ask for; null where they ask for none. */
function positionOf({ _HLS_msn, _HLS_part }: Directives): Position | null | 'bad' {
  if (_HLS_msn === undefined) return _HLS_part === undefined ? null : 'bad'
  if (!isWholeNumber(_HLS_msn) || (_HLS_part !== undefined && !isWholeNumber(_HLS_part))) return 'bad'
  return { segment: Number(_HLS_msn), part: _HLS_part === undefined ? null : Number(_HLS_part) }
}

function isWholeNumber(text: unknown): text is string {
  return typeof text === 'string' && /^\d{1,15}$/.test(text)
}

function goneSignal(reply: FastifyReply): AbortSignal {
  const gone = new AbortController()
  reply.raw.once('close', () => gone.abort())
  return gone.signal
}

function missing(reply: FastifyReply): FastifyReply {
  return reply.code(404).header('cache-control', 'public, max-age=1').send(notFound('There is no such stream now.'))
}
