import Fastify from 'fastify'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { sendBytes } from './bytes.ts'

const BYTES = Buffer.from('0123456789')
const app = Fastify()
beforeAll(() => {
  app.get('/file', (request, reply) => sendBytes(request, reply, BYTES, '"tag"'))
})
afterAll(() => app.close())

describe('a file that never changes', () => {
  // Sections are those of RFC 9110.
  it.each<[string, Record<string, string>, number, string, string?]>([
    ['all of it', {}, 200, '0123456789'],
    ['14.1.2: a range', { range: 'bytes=2-4' }, 206, '234', 'bytes 2-4/10'],
    ['14.1.2: from a byte on', { range: 'bytes=7-' }, 206, '789', 'bytes 7-9/10'],
    ['14.1.2: the last bytes', { range: 'bytes=-3' }, 206, '789', 'bytes 7-9/10'],
    ['14.1.2: more of the last bytes than there are', { range: 'bytes=-30' }, 206, '0123456789', 'bytes 0-9/10'],
    ['14.1.2: a range beyond the end', { range: 'bytes=8-90' }, 206, '89', 'bytes 8-9/10'],
    ['15.5.17: a range behind the end', { range: 'bytes=10-' }, 416, '', 'bytes */10'],
    ['15.5.17: none of the last bytes', { range: 'bytes=-0' }, 416, '', 'bytes */10'],
    ['14.2: all, for several ranges', { range: 'bytes=0-1,3-4' }, 200, '0123456789'],
    ['14.2: all, for what is no range', { range: 'bytes=4-2' }, 200, '0123456789'],
    ['14.2: all, for another unit', { range: 'lines=1-2' }, 200, '0123456789'],
    ['13.1.2: nothing, where it is there already', { 'if-none-match': '"old", W/"tag"' }, 304, ''],
    ['13.1.2: all, where another one is there', { 'if-none-match': '"old"' }, 200, '0123456789'],
    [
      '13.1.5: the range of the one that is there',
      { range: 'bytes=0-0', 'if-range': '"tag"' },
      206,
      '0',
      'bytes 0-0/10',
    ],
    ['13.1.5: all, where another one is there', { range: 'bytes=0-0', 'if-range': '"old"' }, 200, '0123456789'],
  ])('is sent as asked for: %s', async (_, headers, status, body, range) => {
    const answer = await app.inject({ url: '/file', headers })
    expect([answer.statusCode, answer.body, answer.headers['content-range']]).toEqual([status, body, range])
    expect(answer.headers.etag).toBe('"tag"')
  })
})
