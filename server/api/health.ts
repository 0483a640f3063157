import type { FastifyInstance } from 'fastify'
import { type Ffmpeg, ffmpegProblem } from '../ffmpeg/locate.ts'
import type { RtmpServer } from '../rtmp-server/rtmp-server.ts'

/** `GET /healthz`: 200 while everything that a broadcast needs is there, else 503 and what is not. */
export function healthRoute(app: FastifyInstance, ffmpeg: Ffmpeg, rtmp: RtmpServer): void {
  app.get('/healthz', async (_, reply) => {
    const problems = [await ffmpegProblem(ffmpeg), rtmp.problem()].filter((problem) => problem !== null)
    reply.code(problems.length === 0 ? 200 : 503).header('cache-control', 'no-store')
    return {
      status: problems.length === 0 ? 'ok' : 'down',
      ffmpeg: { path: ffmpeg.path, version: ffmpeg.version },
      rtmp: { kind: rtmp.kind, url: rtmp.url },
      ...(problems.length > 0 && { problems }),
    }
  })
}
