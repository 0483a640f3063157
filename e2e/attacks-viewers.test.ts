import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { opens } from './support/attacker.ts'
import { startGateway, startLoop, type TestGateway } from './support/gateway.ts'
import { FFMPEG } from './support/media.ts'
import { ADMIN, GUARDED, playToken, publishToken, tokenFor } from './support/tokens.ts'
import { NOT_KEPT, until } from './support/wait.ts'

const SITE = 'https://site.example'

describe('a viewer of a private gateway', () => {
  let gateway: TestGateway
  let push: Awaited<ReturnType<typeof startLoop>>
  beforeAll(async () => {
    gateway = await startGateway(['--rtmp', 'nginx', '--private', '--origin', SITE], GUARDED)
    push = await startLoop(gateway, 'secret', undefined, {
      publish: await publishToken('secret'),
      play: await playToken('secret'),
    })
    const token = await playToken('secret')
    await until('there is HLS', async () => (await fetch(`${gateway.url}/hls/secret.m3u8?token=${token}`, NOT_KEPT)).ok)
    await until(
      'there is LL-HLS',
      async () => (await fetch(`${gateway.url}/hls/secret/ll.m3u8?token=${token}`, NOT_KEPT)).ok,
    )
  })
  afterAll(async () => {
    await push.stop()
    await gateway.stop()
  })

  const PLACES = ['/live/secret.flv', '/hls/secret.m3u8', '/hls/secret/ll.m3u8', '/api/streams/secret']

  it.each(PLACES)('gets nothing without a token that lets them watch: %s', async (place) => {
    const wrong: [string | null, number][] = [
      [null, 401],
      ['hello', 401],
      [await playToken('other'), 403],
      [await publishToken('secret'), 403],
      [await tokenFor({ stream: 'secret', play: true }, { seconds: -60 }), 401],
    ]
    for (const [token, status] of wrong) {
      const answer = await fetch(`${gateway.url}${place}${token ? `?token=${token}` : ''}`, NOT_KEPT)
      expect(answer.status).toBe(status)
      expect(answer.headers.get('cache-control')).toBe('no-store')
      await answer.text()
    }
    const twice = await fetch(`${gateway.url}${place}?token=x&token=${await playToken('secret')}`, NOT_KEPT)
    expect(twice.status).toBe(401)
  })

  it.each(PLACES)('gets it with one, in the link or in a header: %s', async (place) => {
    const token = await playToken('secret')
    const bearer = { headers: { ...NOT_KEPT.headers, authorization: `Bearer ${token}` } }
    for (const answer of [
      await fetch(`${gateway.url}${place}?token=${token}`, NOT_KEPT),
      await fetch(gateway.url + place, bearer),
    ]) {
      expect(answer.status).toBe(200)
      await answer.body?.cancel()
    }
  })

  it.each(['/hls/secret.m3u8', '/hls/secret/ll.m3u8'])(
    'finds the token in each link of %s, and no link without',
    async (place) => {
      const token = await playToken('secret')
      const playlist = await (await fetch(`${gateway.url}${place}?token=${token}`, NOT_KEPT)).text()
      const links = [...playlist.matchAll(/^([^#\s].*)$|URI="([^"]+)"/gm)].map(([, line, uri]) => line ?? uri ?? '')
      expect(links.length).toBeGreaterThan(0)
      const last = links.findLast((link) => !link.includes('.mp4')) ?? ''
      for (const link of [links[0] ?? '', last]) {
        const url = new URL(link, `${gateway.url}${place}`)
        expect(url.searchParams.get('token')).toBe(token)
        expect((await fetch(url, NOT_KEPT)).status).toBe(200)
        url.search = ''
        expect((await fetch(url, NOT_KEPT)).status).toBe(401)
      }
    },
  )

  it('gets no HLS from nginx itself, and no list of streams', async () => {
    const token = await playToken('secret')
    const answer = await fetch(`http://127.0.0.1:${gateway.hlsPort}/hls/secret.m3u8?token=${token}`, NOT_KEPT)
    expect(answer.status).toBe(404)
    expect((await fetch(`${gateway.url}/api/streams`, NOT_KEPT)).status).toBe(401)
    expect((await fetch(`${gateway.url}/api/streams`, { headers: ADMIN })).status).toBe(200)
  })

  it('opens a WebSocket with a token, and from an allowed page alone', async () => {
    const url = `${gateway.url.replace('http', 'ws')}/live/secret.flv`
    const token = await playToken('secret')
    expect(await opens(url)).toBe(401)
    expect(await opens(`${url}?token=${token}`, 'https://evil.example')).toBe(403)
    expect(await opens(`${url}?token=${token}`, SITE)).toBe('open')
  })

  it('is cut off when the token expires', async () => {
    const token = await tokenFor({ stream: 'secret', play: true }, { seconds: 2 })
    const answer = await fetch(`${gateway.url}/live/secret.flv?token=${token}`, NOT_KEPT)
    expect(answer.status).toBe(200)
    // It has no length: its end is that of the connection. The test's own time limit ends what goes on.
    expect((await answer.arrayBuffer()).byteLength).toBeGreaterThan(0)
  })

  it('plays over RTMP with a token to watch, and no longer than that is good', async () => {
    const play = async (query: string, most: string[]) => {
      const url = `rtmp://127.0.0.1:${gateway.rtmpPort}/live/secret${query}`
      const child = spawn(FFMPEG, ['-v', 'error', '-i', url, ...most, '-c', 'copy', '-f', 'null', '-'], {
        stdio: 'ignore',
      })
      const [code] = (await once(child, 'close')) as [number]
      return code
    }
    const aSecond = ['-t', '1']
    expect(await play(`?token=${await playToken('secret')}`, aSecond)).toBe(0)
    for (const query of [
      '',
      '?gateway=guess',
      '?token=x',
      `?token=${await playToken('other')}`,
      `?token=${await publishToken('secret')}`,
    ])
      expect([query, await play(query, aSecond)]).not.toEqual([query, 0])
    // It would play for ever.
    await play(`?token=${await tokenFor({ stream: 'secret', play: true }, { seconds: 3 })}`, [])
  })
})
