import { gunzipSync } from 'node:zlib'
import Fastify from 'fastify'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { compressTexts } from './compress.ts'

const TEXT = '#EXTM3U\n'.repeat(1000)
const app = Fastify()
beforeAll(() => {
  compressTexts(app)
  app.get('/list', (_, reply) => reply.type('application/vnd.apple.mpegurl').header('vary', 'origin').send(TEXT))
  app.get('/short', (_, reply) => reply.type('text/plain').send('short'))
  app.get('/json', () => ({ text: TEXT }))
  app.get('/media', (_, reply) => reply.type('video/mp4').send(Buffer.from(TEXT)))
})
afterAll(() => app.close())

const get = (url: string, accept?: string) =>
  app.inject({ url, ...(accept !== undefined && { headers: { 'accept-encoding': accept } }) })

describe('a text', () => {
  it.each(['gzip', 'br, gzip;q=0.5', 'deflate,GZIP', 'x-gzip', 'gzip;q=1.0'])(
    'is compressed for %s',
    async (accept) => {
      for (const url of ['/list', '/json']) {
        const { headers, rawPayload } = await get(url, accept)
        expect(headers['content-encoding']).toBe('gzip')
        expect(Number(headers['content-length'])).toBe(rawPayload.length)
        expect(gunzipSync(rawPayload).toString()).toContain(url === '/list' ? TEXT : TEXT.slice(0, 7))
        expect(rawPayload.length).toBeLessThan(TEXT.length / 10)
      }
    },
  )

  it.each([undefined, '', 'br', 'gzip;q=0', 'gzip;q=0.0', 'identity', 'notgzip'])(
    'is sent as it is for %s',
    async (accept) => {
      const { headers, body } = await get('/list', accept)
      expect([headers['content-encoding'], body]).toEqual([undefined, TEXT])
    },
  )

  it('says that it depends on that, and on what it depended on before', async () => {
    expect((await get('/list')).headers.vary).toBe('origin, accept-encoding')
    expect((await get('/json')).headers.vary).toBe('accept-encoding')
  })

  it('is sent as it is where it is short, or media', async () => {
    for (const url of ['/short', '/media']) expect((await get(url, 'gzip')).headers['content-encoding']).toBeUndefined()
  })
})
