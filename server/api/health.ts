import type { Access } from '../access/access.ts'
import { bearerOf } from '../access/credentials.ts'
import type { Origins } from '../access/origins.ts'
import { type Ffmpeg, ffmpegProblem } from '../ffmpeg/locate.ts'
import type { MediaServer } from '../targets/media-server.ts'
import { Health, ref } from './schemas.ts'
import type { Api } from './validation.ts'

/** What is looked at to tell how a gateway is. */
export interface HealthContext {
  access: Access
  origins: Origins
  ffmpeg: Ffmpeg
  /** The RTMP server that broadcasts are pushed to. */
  rtmp: Pick<MediaServer, 'kind' | 'problem'> & { url: string }
}

/** `GET /healthz`: 200 while everything that a broadcast needs is there, else 503 and what is not. */
export function healthRoute(api: Api, { access, origins, ffmpeg, rtmp }: HealthContext): void {
  api.get(
    '/healthz',
    {
      schema: {
        operationId: 'getHealth',
        tags: ['Gateway'],
        summary: 'Whether everything that a broadcast needs is there. What is not, and what there is, is for admins',
        security: [{}, { adminKey: [] }],
        response: { 200: ref(Health), 503: ref(Health) },
      },
    },
    async (request, reply) => {
      const problems = [await ffmpegProblem(ffmpeg), rtmp.problem()].filter((problem) => problem !== null)
      const isWell = problems.length === 0
      // Paths, versions and addresses are for those who run it.
      const details = {
        ffmpeg: { path: ffmpeg.path, version: ffmpeg.version },
        rtmp: { kind: rtmp.kind, url: rtmp.url },
        ...(isWell ? {} : { problems }),
      }
      const isInsider = access.isGuarded ? access.isAdmin(bearerOf(request.raw)) : !origins.mayBeRebound(request.raw)
      return reply
        .code(isWell ? 200 : 503)
        .header('cache-control', 'no-store')
        .send({ status: isWell ? 'ok' : 'down', ...(isInsider && details) })
    },
  )
}
