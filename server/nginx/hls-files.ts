import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { visitorOf } from '../access/request.ts'
import type { Viewing } from '../access/viewing.ts'
import type { Directory } from '../broadcast/directory.ts'
import { sendBytes, tagOfName } from '../http/bytes.ts'
import { notFound } from '../http/errors.ts'
import { withToken } from '../http/links.ts'
import { onlyRead } from '../http/read-only.ts'
import { hasCode } from '../process/errors.ts'
import { HLS_SEGMENT_CACHE_SECONDS } from './hls-shape.ts'
import { LegalPlaylists } from './legal-playlist.ts'

/** Names of playlists and segments. Nothing else in the directory is served, and no path leads out of it. */
const FILE = /^([A-Za-z0-9_-]{1,64})\.m3u8$|^([A-Za-z0-9_-]{1,64})-\d{1,20}\.ts$/

/**
 * `GET /hls/NAME.m3u8` and its segments, as nginx writes them. The playlist of a broadcast that is over gets an end, so that players
 * stop asking; it goes away with its segments.
 */
export function hlsFileRoutes(
  app: FastifyInstance,
  directory: Directory,
  hlsDirectory: string,
  viewing: Viewing,
): void {
  const playlists = new LegalPlaylists()
  app.get<{ Params: { file: string } }>('/hls/:file', async (request, reply) => {
    const { file } = request.params
    const [, name, streamOfSegment] = FILE.exec(file) ?? []
    const stream = name ?? streamOfSegment
    if (stream === undefined) return missing(reply)
    await viewing.admit(request.raw, stream)
    if (name === undefined) return segment(stream, file, request, reply)
    directory.get(name)?.audience.asked('hls', visitorOf(request.raw))
    return playlist(name, viewing.tokenForLinks(request.raw), reply)
  })
  onlyRead(app, '/hls/:file', viewing)

  async function playlist(name: string, token: string | null, reply: FastifyReply): Promise<FastifyReply> {
    const text = await readOrNull(join(hlsDirectory, `${name}.m3u8`))
    if (text === null) return missing(reply)
    const playlist = withToken(playlists.legal(name, text.toString()), token)
    const over = directory.get(name) === null && !text.includes('#EXT-X-ENDLIST')
    return reply
      .header('content-type', 'application/vnd.apple.mpegurl')
      .header('cache-control', 'no-cache')
      .send(over ? `${playlist.trimEnd()}\n#EXT-X-ENDLIST\n` : playlist)
  }

  async function segment(
    stream: string,
    file: string,
    request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<FastifyReply> {
    const bytes = await readOrNull(join(hlsDirectory, file))
    if (bytes === null) return missing(reply)
    directory.get(stream)?.audience.sent(bytes.length)
    const cached = `${viewing.isPrivate ? 'private' : 'public'}, max-age=${HLS_SEGMENT_CACHE_SECONDS}`
    void reply.header('content-type', 'video/mp2t').header('cache-control', cached)
    // Numbers begin anew for a name that was free for long.
    return sendBytes(request, reply, bytes, tagOfName(`${file}-${bytes.length}`))
  }
}

async function readOrNull(path: string): Promise<Buffer | null> {
  try {
    return await readFile(path)
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return null
    throw error
  }
}

function missing(reply: FastifyReply): FastifyReply {
  return reply.code(404).header('cache-control', 'no-store').send(notFound('There is no such stream now.'))
}
