import { Type } from 'typebox'
import type { SignedLinks } from '../access/signed-links.ts'
import type { Viewing } from '../access/viewing.ts'
import type { Directory } from '../broadcast/directory.ts'
import { notFound } from '../http/errors.ts'
import type { Thumbnails } from '../playback/thumbnails.ts'
import { errors, StreamParams } from './schemas.ts'
import { NOT_LIVE } from './streams.ts'
import type { Api } from './validation.ts'

/** What the route of thumbnails needs of the gateway. */
export interface ThumbnailContext {
  directory: Directory
  viewing: Viewing
  links: SignedLinks
  thumbnails: Thumbnails
}

/** Where the thumbnail of a stream is. */
export function thumbnailPath(name: string): string {
  return `/api/streams/${name}/thumbnail.jpg`
}

/** `GET /api/streams/NAME/thumbnail.jpg`: for those who may watch it, or have a signed link. */
export function thumbnailRoute(api: Api, { directory, viewing, links, thumbnails }: ThumbnailContext): void {
  api.get(
    thumbnailPath(':name'),
    {
      schema: {
        operationId: 'getThumbnail',
        tags: ['Streams'],
        summary:
          'A small picture of what is live, a few seconds old at most. Where watching needs a token, so does this',
        security: [{}, { adminKey: [] }],
        params: StreamParams,
        response: {
          200: {
            description: 'The picture.',
            content: { 'image/jpeg': { schema: Type.Unsafe<Buffer>({ type: 'string' }) } },
          },
          ...errors(400, 401, 403, 404, 429),
        },
      },
    },
    async (request, reply) => {
      const { name } = request.params
      const query = Object.fromEntries(new URLSearchParams(request.url.split('?')[1] ?? ''))
      if (!links.allows(thumbnailPath(name), query)) await viewing.admit(request.raw, name)
      const broadcast = directory.get(name)
      if (!broadcast) return reply.code(404).send(notFound(NOT_LIVE))
      const jpeg = await thumbnails.of(broadcast)
      if (!jpeg) return reply.code(404).send(notFound('The broadcast has no picture now.'))
      return reply
        .code(200)
        .headers({
          'content-type': 'image/jpeg',
          'cache-control': 'private, max-age=4',
          ...viewing.corsOf(request.raw),
        })
        .send(jpeg)
    },
  )
}
