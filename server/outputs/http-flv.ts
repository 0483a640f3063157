import { Readable } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import { notFound } from '../api/errors.ts'
import type { Broadcast } from '../broadcast/broadcast.ts'
import type { Directory } from '../broadcast/directory.ts'
import { encodeFileHeader } from '../flv/tag.ts'

/** `GET /live/NAME.flv`: the bus as HTTP-FLV, from the last keyframe on, for as long as the broadcast lasts. */
export function httpFlvRoute(app: FastifyInstance, directory: Directory): void {
  app.get<{ Params: { file: string } }>('/live/:file', { exposeHeadRoute: false }, (request, reply) => {
    const [, name] = /^(.*)\.flv$/.exec(request.params.file) ?? []
    const broadcast = name === undefined ? null : directory.get(name)
    reply.header('access-control-allow-origin', '*').header('cache-control', 'no-store')
    if (!broadcast?.hasMedia) return reply.code(404).send(notFound('Nobody is broadcasting under this name now.'))
    const gone = new AbortController()
    reply.raw.once('close', () => gone.abort())
    return reply
      .header('content-type', 'video/x-flv')
      .header('x-accel-buffering', 'no')
      .send(Readable.from(flv(broadcast, gone.signal), { objectMode: false, highWaterMark: 64 * 1024 }))
  })
}

/** The bytes of one viewer. One that is too slow loses whole groups of pictures. */
async function* flv(broadcast: Broadcast, gone: AbortSignal): AsyncGenerator<Buffer, void, undefined> {
  const subscription = broadcast.subscribe()
  broadcast.flvViewers++
  try {
    yield encodeFileHeader(broadcast.layout)
    for (;;) {
      const batch = await subscription.next(gone)
      if (batch === null) return
      for (const { bytes } of batch) yield bytes
    }
  } finally {
    broadcast.flvViewers--
    broadcast.unsubscribe(subscription)
  }
}
