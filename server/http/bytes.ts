import { createHash } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'

/** A tag for bytes that are named by what they are, and never change (RFC 9110, 8.8.3). */
export function tagOfName(name: string): string {
  return `"${name}"`
}

/** A tag for a text, by its content. It may be sent compressed, so it is a weak one. */
export function tagOfText(text: string): string {
  return `W/"${createHash('sha1').update(text).digest('base64url')}"`
}

/** Whether a client has what has this tag already: it is told so with 304 (RFC 9110, 13.1.2). */
export function hasAlready({ headers }: FastifyRequest, tag: string): boolean {
  const asked = headers['if-none-match']
  if (asked === undefined) return false
  const plain = (each: string) => each.trim().replace(/^W\//, '')
  return asked.trim() === '*' || asked.split(',').some((each) => plain(each) === plain(tag))
}

/** Sends bytes, or what is asked of them: none where the client has them, one range (RFC 9110, 14), or all. */
export function sendBytes(request: FastifyRequest, reply: FastifyReply, bytes: Buffer, tag: string): FastifyReply {
  void reply.header('etag', tag).header('accept-ranges', 'bytes')
  if (hasAlready(request, tag)) return reply.code(304).send()
  const ifRange = request.headers['if-range']
  const range = ifRange === undefined || ifRange === tag ? rangeOf(request.headers.range, bytes.length) : null
  if (range === null) return reply.send(bytes)
  if (range === 'outside') return reply.code(416).header('content-range', `bytes */${bytes.length}`).send()
  const { from, to } = range
  return reply
    .code(206)
    .header('content-range', `bytes ${from}-${to}/${bytes.length}`)
    .send(bytes.subarray(from, to + 1))
}

/** The range that is asked for, first and last byte; null for all, as for what is no range, or several (14.2: a server may ignore it). */
function rangeOf(asked: string | undefined, length: number): { from: number; to: number } | 'outside' | null {
  const [, first = '', last = ''] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(asked ?? '') ?? []
  if (first === '' && last === '') return null
  if (first === '') {
    const count = Math.min(Number(last), length)
    return count === 0 ? 'outside' : { from: length - count, to: length - 1 }
  }
  if (last !== '' && Number(last) < Number(first)) return null
  if (Number(first) >= length) return 'outside'
  return { from: Number(first), to: last === '' ? length - 1 : Math.min(Number(last), length - 1) }
}
