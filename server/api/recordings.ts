import { stat } from 'node:fs/promises'
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { basename, dirname } from 'node:path'
import type { Readable } from 'node:stream'
import { send } from '@fastify/send'
import { Type } from 'typebox'
import { GatewayError } from '../../shared/errors.ts'
import type { Access } from '../access/access.ts'
import { bearerOf } from '../access/credentials.ts'
import type { SignedLinks } from '../access/signed-links.ts'
import type { Archive } from '../archive/archive.ts'
import { type Entry, RECORDING_ID } from '../archive/entry.ts'
import type { Directory } from '../broadcast/directory.ts'
import { notFound } from '../http/errors.ts'
import { errors, Recording, RecordingId, ref, StreamParams } from './schemas.ts'
import { requireLive } from './streams.ts'
import type { Api } from './validation.ts'

/** What the routes of recordings need of the gateway. */
export interface RecordingContext {
  directory: Directory
  access: Access
  archive: Archive
  links: SignedLinks
  base(request: IncomingMessage): string
}

const TYPES = { mp4: 'video/mp4', flv: 'video/x-flv', jpg: 'image/jpeg' } as const
const KINDS = { mp4: 'mp4', flv: 'flv', jpg: 'poster' } as const
/** What a file may be answered with (RFC 9110, 13 and 14). */
const FILE_STATUSES = [200, 206, 304, 412, 416] as const
const NO_RECORDING = 'There is no such recording.'

/** Lists, begins, ends and removes recordings. */
export function recordingRoutes(admin: Api, { directory, archive, links, base }: RecordingContext): void {
  const common = { tags: ['Recordings'] }
  const params = Type.Object({ id: RecordingId })

  admin.get(
    '/api/recordings',
    {
      schema: {
        ...common,
        operationId: 'listRecordings',
        summary: 'All recordings, the latest first',
        response: { 200: Type.Object({ recordings: Type.Array(ref(Recording)) }) },
      },
    },
    async (request) => ({ recordings: archive.list().map((entry) => told(entry, request.raw)) }),
  )

  admin.get(
    '/api/recordings/:id',
    {
      schema: {
        ...common,
        operationId: 'getRecording',
        summary: 'One recording, with links that are good for six hours',
        params,
        response: { 200: ref(Recording), ...errors(404) },
      },
    },
    async (request, reply) => {
      const entry = archive.get(request.params.id)
      return entry ? told(entry, request.raw) : reply.code(404).send(notFound(NO_RECORDING))
    },
  )

  admin.delete(
    '/api/recordings/:id',
    {
      schema: {
        ...common,
        operationId: 'deleteRecording',
        summary: 'Removes a recording for good',
        params,
        response: { 204: Type.Null({ description: 'It is removed.' }), ...errors(400, 404, 409) },
      },
    },
    async (request, reply) => {
      const { id } = request.params
      const entry = archive.get(id)
      if (!entry) return reply.code(404).send(notFound(NO_RECORDING))
      if (!(await archive.remove(id))) {
        const isReady = entry.state === 'ready'
        throw new GatewayError(
          'conflict',
          isReady
            ? 'It is being uploaded. Try again when it has been.'
            : 'It is being made. Stop it first, and wait until it is ready.',
        )
      }
      return reply.code(204).send(null)
    },
  )

  admin.post(
    '/api/streams/:name/recording',
    {
      schema: {
        ...common,
        operationId: 'startRecording',
        summary: 'Begins to record a broadcast from its last keyframe on. It may be recorded already',
        params: StreamParams,
        response: { 200: ref(Recording), ...errors(400, 404, 503) },
      },
    },
    async (request) => {
      const broadcast = requireLive(directory, request.params.name)
      if (!broadcast.hasMedia)
        throw new GatewayError('unavailable', 'The broadcast is not live yet. Try again in a moment.')
      return told(archive.start(broadcast), request.raw)
    },
  )

  admin.delete(
    '/api/streams/:name/recording',
    {
      schema: {
        ...common,
        operationId: 'stopRecording',
        summary: 'Ends the recording of a broadcast, which goes on',
        params: StreamParams,
        response: { 200: ref(Recording), ...errors(400, 404) },
      },
    },
    async (request, reply) => {
      const entry = await archive.stop(requireLive(directory, request.params.name))
      return entry ? told(entry, request.raw) : reply.code(404).send(notFound('The broadcast is not recorded.'))
    },
  )

  function told(entry: Entry, request: IncomingMessage) {
    const link = (type: keyof typeof TYPES, more = '') => {
      const path = `/recordings/${entry.id}.${type}`
      return `${base(request)}${path}?${links.queryFor(path)}${more}`
    }
    const media = entry.state === 'ready' ? 'mp4' : entry.state === 'unfinished' ? 'flv' : null
    return {
      ...entry,
      play: entry.state === 'ready' ? link('mp4') : null,
      download: media && link(media, '&download=1'),
      posterUrl: entry.poster ? link('jpg') : null,
    }
  }
}

/** `GET /recordings/ID.mp4`, `.flv` and `.jpg`, with ranges: for those with a signed link, or with the admin key. */
export function recordingFiles(api: Api, { access, archive, links }: RecordingContext): void {
  const file = (description: string) => {
    const binary = { schema: Type.Unsafe<Readable>({ type: 'string' }) }
    return { description, content: { 'video/mp4': binary, 'video/x-flv': binary, 'image/jpeg': binary } }
  }
  api.get(
    '/recordings/:file',
    {
      schema: {
        operationId: 'getRecordingFile',
        tags: ['Recordings'],
        summary: 'A recording as ID.mp4, or ID.flv where it is not ready; its poster as ID.jpg',
        security: [{}, { adminKey: [] }],
        params: Type.Object({ file: Type.String() }),
        querystring: Type.Object(
          {
            expires: Type.Optional(Type.String({ description: 'Of a signed link.' })),
            signature: Type.Optional(Type.String({ description: 'Of a signed link.' })),
            download: Type.Optional(Type.String({ description: 'It is to be saved, and not played.' })),
          },
          { additionalProperties: true },
        ),
        response: {
          200: file('All of it.'),
          206: file('The range that was asked for.'),
          304: Type.Null({ description: 'It is what the client has.' }),
          412: Type.Null({ description: 'It is not what the client has.' }),
          416: Type.Null({ description: 'It has no such range.' }),
          ...errors(400, 401, 403, 404, 429),
        },
      },
    },
    async (request, reply) => {
      const [, id = '', type = ''] = /^(.*)\.(mp4|flv|jpg)$/.exec(request.params.file) ?? []
      if (!RECORDING_ID.test(id) || !isType(type)) return reply.code(404).send(notFound(NO_RECORDING))
      if (!links.allows(`/recordings/${id}.${type}`, request.query)) access.requireAdmin(bearerOf(request.raw))
      const path = await archive.file(id, KINDS[type])
      if (path === null) return reply.code(404).send(notFound(NO_RECORDING))
      askForAll(request.raw.headers, (await stat(path)).size)
      const { statusCode, headers, stream } = await send(request.raw, basename(path), {
        root: dirname(path),
        cacheControl: false,
        contentType: false,
      })
      const status = FILE_STATUSES.find((each) => each === statusCode)
      if (status === undefined) return reply.code(404).send(notFound(NO_RECORDING))
      reply.headers({ ...headers, 'content-type': TYPES[type], 'cache-control': 'private, no-cache' })
      if (request.query.download !== undefined) {
        reply.header('content-disposition', `attachment; filename="${id}.${type}"`)
      }
      return status === 200 || status === 206 ? reply.code(status).send(stream) : reply.code(status).send(null)
    },
  )
}

/** The last N bytes of a file that has fewer are all of them (RFC 9110, 14.1.2); the library finds no such range. */
function askForAll(headers: IncomingHttpHeaders, size: number): void {
  const [, suffix] = /^bytes=-(\d+)$/.exec(headers.range ?? '') ?? []
  if (suffix !== undefined && Number(suffix) > size) headers.range = 'bytes=0-'
}

function isType(type: string): type is keyof typeof TYPES {
  return Object.hasOwn(TYPES, type)
}
