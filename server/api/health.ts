import { type Ffmpeg, ffmpegProblem } from '../ffmpeg/locate.ts'
import type { RtmpServer } from '../rtmp-server/rtmp-server.ts'
import { Health, ref } from './schemas.ts'
import type { Api } from './validation.ts'

/** What is looked at to tell how a gateway is. */
export interface HealthContext {
  ffmpeg: Ffmpeg
  rtmp: Pick<RtmpServer, 'kind' | 'url' | 'problem'>
}

/** `GET /healthz`: 200 while everything that a broadcast needs is there, else 503 and what is not. */
export function healthRoute(api: Api, { ffmpeg, rtmp }: HealthContext): void {
  api.get(
    '/healthz',
    {
      schema: {
        operationId: 'getHealth',
        tags: ['Gateway'],
        summary: 'Whether everything that a broadcast needs is there',
        response: { 200: ref(Health), 503: ref(Health) },
      },
    },
    async (_, reply) => {
      const problems = [await ffmpegProblem(ffmpeg), rtmp.problem()].filter((problem) => problem !== null)
      const isWell = problems.length === 0
      return reply
        .code(isWell ? 200 : 503)
        .header('cache-control', 'no-store')
        .send({
          status: isWell ? 'ok' : 'down',
          ffmpeg: { path: ffmpeg.path, version: ffmpeg.version },
          rtmp: { kind: rtmp.kind, url: rtmp.url },
          ...(isWell ? {} : { problems }),
        })
    },
  )
}
