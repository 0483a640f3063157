import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import type { FastifyInstance } from 'fastify'

const compress = promisify(gzip)

/** What is smaller than this in bytes is sent as it is. */
const MIN_BYTES = 1_024

/** What may be compressed: the rest is media, and is so already. */
const TEXTUAL = /^(text\/|application\/(json|problem\+json|vnd\.apple\.mpegurl|javascript|openmetrics-text)|image\/svg)/

/** Most texts that are kept, and characters of one: a playlist is asked for by all who watch, and is compressed once. */
const MAX_KEPT = 64
const MAX_KEPT_LENGTH = 64 * 1024

/** Sends texts compressed by gzip to those who take it (RFC 9110, 12.5.3). */
export function compressTexts(app: FastifyInstance): void {
  const kept = new Map<string, Promise<Buffer>>()
  /** Files that are in memory, as `castgate.js` is. */
  const files = new WeakMap<Buffer, Promise<Buffer>>()
  app.addHook('onSend', async (request, reply, payload) => {
    const isText = typeof payload === 'string' || Buffer.isBuffer(payload)
    if (!isText || !TEXTUAL.test(String(reply.getHeader('content-type') ?? ''))) return payload
    void reply.header('vary', varyOf(reply.getHeader('vary')))
    if (Buffer.byteLength(payload) < MIN_BYTES || reply.hasHeader('content-encoding')) return payload
    if (!takesGzip(request.headers['accept-encoding'])) return payload
    const bytes = await (typeof payload === 'string' ? textOnce(payload) : fileOnce(payload))
    void reply.header('content-encoding', 'gzip').removeHeader('content-length')
    return bytes
  })

  function fileOnce(bytes: Buffer): Promise<Buffer> {
    const compressed = files.get(bytes) ?? compress(bytes)
    files.set(bytes, compressed)
    return compressed
  }

  function textOnce(text: string): Promise<Buffer> {
    const known = kept.get(text)
    if (known) return known
    const compressed = compress(text)
    if (text.length > MAX_KEPT_LENGTH) return compressed
    kept.set(text, compressed)
    const [oldest] = kept.keys()
    if (kept.size > MAX_KEPT && oldest !== undefined) kept.delete(oldest)
    return compressed
  }
}

function varyOf(before: unknown): string {
  return before === undefined ? 'accept-encoding' : `${before}, accept-encoding`
}

/** Whether gzip is named, and not with a weight of 0. */
function takesGzip(accepted: string | string[] | undefined): boolean {
  return String(accepted ?? '')
    .split(',')
    .some((each) => /^\s*(x-)?gzip\s*(;\s*q=(0?\.\d*[1-9]\d*|1(\.0*)?)\s*)?$/i.test(each))
}
