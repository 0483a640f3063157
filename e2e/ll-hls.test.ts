import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openSockets, startGateway, startLoop, type TestGateway } from './support/gateway.ts'
import { type Playlist as ReadPlaylist, readPlaylist } from './support/hls-checker.ts'
import { decode } from './support/media.ts'
import { startDocumentedNginx } from './support/nginx.ts'
import { ingestUrl, publish, readRecording } from './support/publisher.ts'
import { freePort } from './support/resources.ts'
import { NOT_KEPT, until } from './support/wait.ts'

// Sections are those of "HTTP Live Streaming 2nd Edition", draft-pantos-hls-rfc8216bis.

let gateway: TestGateway
let push: Awaited<ReturnType<typeof startLoop>>
beforeAll(async () => {
  gateway = await startGateway(['--rtmp', 'embedded'])
  push = await startLoop(gateway, 'stream')
  await until('there is HLS', async () => (await fetch(`${gateway.url}/hls/stream.m3u8`, NOT_KEPT)).ok)
})
afterAll(async () => {
  await push.stop()
  await gateway.stop()
})

interface Playlist extends ReadPlaylist {
  text: string
  headers: Headers
}

/** Asks for the playlist with a query such as `_HLS_msn=3`. */
async function ask(query = '', url = `${gateway.url}/hls/stream/ll.m3u8`): Promise<Playlist> {
  const answer = await fetch(query ? `${url}?${query}` : url, NOT_KEPT)
  if (!answer.ok) throw new Error(`${query} gives ${answer.status}.`)
  return read(await answer.text(), answer.headers)
}

const statusOf = async (query: string) => {
  const answer = await fetch(`${gateway.url}/hls/stream/ll.m3u8?${query}`, NOT_KEPT)
  await answer.arrayBuffer()
  return answer.status
}

function read(text: string, headers: Headers): Playlist {
  return { ...readPlaylist(text), text, headers }
}

const attribute = ({ text }: Playlist, name: string) => Number(new RegExp(`[:,]${name}=([\\d.]+)`).exec(text)?.[1])
const get = async (uri: string) => {
  const answer = await fetch(`${gateway.url}/hls/stream/${uri}`, NOT_KEPT)
  return { status: answer.status, headers: answer.headers, bytes: Buffer.from(await answer.arrayBuffer()) }
}

/** The position behind the newest part of a playlist. */
function next({ segments }: Playlist): { msn: number; part: number } {
  const last = segments.at(-1)
  if (!last) throw new Error('The playlist has no segments.')
  return last.whole ? { msn: last.number + 1, part: 0 } : { msn: last.number, part: last.parts.length }
}

/** Follows the playlist by blocking reloads for `seconds` of media. */
async function follow(seconds: number): Promise<Playlist[]> {
  const playlists = [await ask()]
  for (let listed = 0; listed < seconds; ) {
    const { msn, part } = next(playlists.at(-1) as Playlist)
    const playlist = await ask(`_HLS_msn=${msn}&_HLS_part=${part}`)
    playlists.push(playlist)
    listed += playlist.segments.find(({ number }) => number === msn)?.parts[part]?.seconds ?? 0.25
  }
  return playlists
}

describe('a low-latency playlist', () => {
  let playlists: Playlist[]
  beforeAll(async () => {
    playlists = await follow(9)
  })

  it('4.4.3.1: has no segment that is longer than the target duration, which never changes', () => {
    expect(new Set(playlists.map(({ target }) => target)).size).toBe(1)
    for (const playlist of playlists) {
      for (const { whole } of playlist.segments)
        expect(Math.round(whole?.seconds ?? 0)).toBeLessThanOrEqual(playlist.target)
    }
  })

  it('4.4.3.7: has parts of at most the part target, and of 85 % of it but for the last ones of segments', () => {
    for (const playlist of playlists) {
      const most = attribute(playlist, 'PART-TARGET')
      for (const { parts, whole } of playlist.segments) {
        for (const [index, { seconds }] of parts.entries()) {
          expect(seconds).toBeLessThanOrEqual(most)
          if (!whole || index < parts.length - 1) expect(seconds).toBeGreaterThanOrEqual(0.85 * most - 0.001)
        }
      }
    }
  })

  it('4.4.3.8: says how far from the end players stay, and how far deltas reach', () => {
    for (const playlist of playlists) {
      expect(playlist.text).toContain('CAN-BLOCK-RELOAD=YES')
      expect(attribute(playlist, 'PART-HOLD-BACK')).toBeGreaterThanOrEqual(3 * attribute(playlist, 'PART-TARGET'))
      expect(attribute(playlist, 'HOLD-BACK')).toBeGreaterThanOrEqual(3 * playlist.target)
      expect(attribute(playlist, 'CAN-SKIP-UNTIL')).toBeGreaterThanOrEqual(6 * playlist.target)
    }
  })

  it('4.4.4.6: dates each segment where the one before ends', () => {
    for (const { segments } of playlists) {
      for (const [index, segment] of segments.entries()) {
        const before = segments[index - 1]
        if (!before?.whole || segment.date === null) continue
        expect(Math.abs(segment.date - ((before.date ?? 0) + before.whole.seconds * 1000))).toBeLessThan(3)
      }
    }
  })

  it('4.4.4.9: lists parts that are together their segment, for three target durations from the end', () => {
    for (const playlist of playlists) {
      let fromEnd = 0
      for (const { parts, whole } of playlist.segments.toReversed()) {
        if (fromEnd < 3 * playlist.target) expect(parts.length).toBeGreaterThan(0)
        const seconds = parts.reduce((sum, part) => sum + part.seconds, 0)
        if (whole && parts.length > 0) expect(seconds).toBeCloseTo(whole.seconds, 2)
        fromEnd += whole?.seconds ?? seconds
      }
    }
  })

  it('4.4.4.9: marks the parts that begin with a keyframe, as each segment does', () => {
    for (const { text, segments } of playlists) {
      expect(text).toContain('#EXT-X-INDEPENDENT-SEGMENTS')
      for (const { parts } of segments) if (parts[0]) expect(parts[0].independent).toBe(true)
    }
  })

  it('4.4.5.3: announces the part that comes next, and keeps its word', () => {
    const listed = new Set(
      playlists.flatMap(({ segments }) => segments.flatMap(({ parts }) => parts.map(({ uri }) => uri))),
    )
    for (const { hint } of playlists.slice(0, -1)) expect(listed).toContain(hint)
  })

  it('6.2.1: numbers segments without a gap, and never changes what it has listed', () => {
    const known = new Map<string, string>()
    for (const { segments } of playlists) {
      for (const { number, whole, parts } of segments) {
        const entries = [
          ...parts.map(({ uri, seconds }) => `${uri} ${seconds}`),
          ...(whole ? [`${whole.uri} ${whole.seconds}`] : []),
        ]
        for (const entry of entries) {
          const [uri = ''] = entry.split(' ')
          expect(known.get(uri) ?? entry).toBe(entry)
          known.set(uri, entry)
          expect(uri).toContain(`-${number}.`)
        }
      }
    }
  })

  it('has parts and an init section that can be decoded, and that are their segments', async () => {
    const { text, segments } = await ask()
    const init = await get(/#EXT-X-MAP:URI="([^"]+)"/.exec(text)?.[1] ?? '')
    const whole = segments.filter((segment) => segment.whole && segment.parts.length > 0)
    expect(whole.length).toBeGreaterThanOrEqual(2)
    const pieces: Buffer[] = []
    for (const segment of whole) {
      const parts = await Promise.all(segment.parts.map(async ({ uri }) => (await get(uri)).bytes))
      const { bytes, headers } = await get(segment.whole?.uri ?? '')
      expect(Buffer.concat(parts).equals(bytes)).toBe(true)
      expect(headers.get('content-type')).toBe('video/mp4')
      expect(headers.get('cache-control')).toContain('immutable')
      pieces.push(bytes)
    }
    const { errors, audioSeconds } = await decode(Buffer.concat([init.bytes, ...pieces]))
    expect(errors).toBe('')
    const seconds = whole.reduce((sum, segment) => sum + (segment.whole?.seconds ?? 0), 0)
    expect(Math.abs(audioSeconds - seconds)).toBeLessThan(0.2)
  })

  it('is the same at the shared link, which plain players take', async () => {
    const [plain, own] = [await ask('', `${gateway.url}/hls/stream.m3u8`), await ask()]
    const numbers = (playlist: Playlist) => playlist.segments.filter(({ whole }) => whole).map(({ number }) => number)
    expect(numbers(own)).toEqual(expect.arrayContaining(numbers(plain).slice(1)))
    const segment = plain.segments.findLast(({ whole }) => whole)
    const answer = await fetch(new URL(segment?.whole?.uri ?? '', `${gateway.url}/hls/stream.m3u8`), NOT_KEPT)
    expect(answer.status).toBe(200)
    await answer.arrayBuffer()
  })
})

describe('a delta update', () => {
  it('6.2.5.1: leaves out segments that are further from the end than the skip boundary, and no others', async () => {
    const { msn } = next(await ask())
    // Seven target durations: more than the boundary.
    const start = Number(/MEDIA-SEQUENCE:(\d+)/.exec((await ask()).text)?.[1])
    if (msn - start < 9) await follow((9 - (msn - start)) * 2)
    const [whole, delta] = [await ask(), await ask('_HLS_skip=YES')]
    expect(delta.skipped).toBeGreaterThan(0)
    expect(delta.text).toMatch(/#EXT-X-VERSION:(9|1\d)/)
    const rest = delta.segments.reduce(
      (sum, { whole: segment, parts }) =>
        sum + (segment?.seconds ?? parts.reduce((total, { seconds }) => total + seconds, 0)),
      0,
    )
    expect(rest).toBeGreaterThanOrEqual(attribute(delta, 'CAN-SKIP-UNTIL'))
    const [first] = delta.segments
    expect(whole.segments.find(({ number }) => number === first?.number)?.whole?.uri).toBe(first?.whole?.uri)
  })
})

describe('a blocking reload', () => {
  it('6.2.5.2: is answered once the part is there, and contains it', async () => {
    const { msn, part } = next(await ask())
    const playlist = await ask(`_HLS_msn=${msn}&_HLS_part=${part + 1}`)
    const last = playlist.segments.at(-1)
    const reached = next(playlist)
    expect(reached.msn > msn || reached.part > part + 1 || (last?.number === msn && last.whole !== null)).toBe(true)
  })

  it('6.2.5.2: waits for the whole segment where no part is named', async () => {
    const { msn } = next(await ask())
    const playlist = await ask(`_HLS_msn=${msn}`)
    expect(playlist.segments.find(({ number }) => number === msn)?.whole).not.toBeNull()
  })

  it('6.2.5.2: takes a part behind the last one of a segment for the first of the next', async () => {
    const playlist = await ask()
    const { number, parts } = playlist.segments.findLast(({ whole }) => whole) ?? { number: 0, parts: [] }
    const answer = await ask(`_HLS_msn=${number}&_HLS_part=${parts.length}`)
    expect(answer.segments.at(-1)?.number).toBeGreaterThan(number)
  })

  it.each([
    ['far in the future', (msn: number) => `_HLS_msn=${msn + 5}`],
    ['a part that is far in the future', (msn: number) => `_HLS_msn=${msn}&_HLS_part=1000`],
    ['a part without a segment', () => '_HLS_part=1'],
    ['a segment that is no number', () => '_HLS_msn=soon'],
    ['a segment below zero', () => '_HLS_msn=-1'],
    ['a part that is no number', (msn: number) => `_HLS_msn=${msn}&_HLS_part=x`],
    ['two segments', (msn: number) => `_HLS_msn=${msn}&_HLS_msn=${msn}`],
    ['a number of twenty digits', () => '_HLS_msn=99999999999999999999'],
  ])('6.2.5.2: is refused with 400 at once: %s', async (_, query) => {
    const { msn } = next(await ask())
    expect(await statusOf(query(msn))).toBe(400)
  })

  it('B.1: may be kept by caches for six target durations, and what was not waited for no longer than half of one', async () => {
    const plain = await ask()
    const { msn, part } = next(plain)
    const blocking = await ask(`_HLS_msn=${msn}&_HLS_part=${part}`)
    expect(blocking.headers.get('cache-control')).toBe(`public, max-age=${6 * plain.target}`)
    expect(plain.headers.get('cache-control')).toBe(`public, max-age=${plain.target / 2}`)
  })

  it('4.4.5.3: of the announced part gives the part once it is there', async () => {
    const { hint } = await ask()
    const { status, bytes } = await get(hint ?? '')
    expect([status, bytes.toString('latin1', 4, 8)]).toEqual([200, 'moof'])
  })

  it('is held a thousand times at once, and nothing of it is left', async () => {
    const before = await openSockets(gateway)
    const { msn } = next(await ask())
    const answers = await Promise.all(
      Array.from({ length: 1000 }, () => fetch(`${gateway.url}/hls/stream/ll.m3u8?_HLS_msn=${msn + 1}`, NOT_KEPT)),
    )
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]))
    await Promise.all(answers.map((answer) => answer.text()))
    await until('their sockets are closed', async () => (await openSockets(gateway)) <= before)
    await until('they no longer count', async () => ((await gateway.stream('stream'))?.viewers.llHls ?? 0) <= 1, 500)
  })
})

describe('a stream that ends while it is watched', () => {
  it('4.4.3.4: gets an end, answers who waits, and stays for a while', async () => {
    const whole = await readRecording('chrome-h264.webm')
    const recording = { ...whole, blobs: whole.blobs.slice(0, 20) }
    const published = publish(ingestUrl(gateway, 'ending'), recording)
    const url = `${gateway.url}/hls/ending/ll.m3u8`
    await until('there is HLS', async () => (await fetch(url, NOT_KEPT)).ok)
    let playlist = await ask('', url)
    while (!playlist.text.includes('#EXT-X-ENDLIST')) {
      const { msn, part } = next(playlist)
      playlist = await ask(`_HLS_msn=${msn}&_HLS_part=${part}`, url)
    }
    expect(playlist.hint).toBeNull()
    await published
    expect((await ask('', url)).segments.every((segment) => segment.whole)).toBe(true)
    const missing = await fetch(`${gateway.url}/hls/ending/none.m4s`, NOT_KEPT)
    expect(missing.status).toBe(404)
    await missing.arrayBuffer()
  })
})

describe('nginx in front, as docs/nginx-cache.conf sets it up', () => {
  it('asks the gateway once for each playlist and part, however many watch', { timeout: 120_000 }, async () => {
    const port = await freePort()
    const nginx = await startDocumentedNginx('nginx-cache.conf', (directory) => ({
      '/var/cache/nginx/castgate': `${directory}/cache`,
      'server 127.0.0.1:8080': `server 127.0.0.1:${gateway.port}`,
      'listen 80;': `listen 127.0.0.1:${port};`,
    }))
    try {
      const url = `http://127.0.0.1:${port}/hls/stream/ll.m3u8`
      await until('nginx answers', () =>
        fetch(url, NOT_KEPT).then(
          ({ ok }) => ok,
          () => false,
        ),
      )
      /** By address, what nginx's cache said to each viewer. */
      const answers = new Map<string, string[]>()
      const from = async (address: string) => {
        const answer = await fetch(address)
        const text = await answer.text()
        if (!answer.ok) throw new Error(`${address} gives ${answer.status}.`)
        answers.set(address, [...(answers.get(address) ?? []), answer.headers.get('x-cache-status') ?? 'none'])
        return text
      }
      const start = next(await ask())
      const watch = async () => {
        let position = { msn: start.msn + 1, part: 0 }
        while (position.msn < start.msn + 3) {
          const text = await from(`${url}?_HLS_msn=${position.msn}&_HLS_part=${position.part}`)
          const playlist = read(text, new Headers())
          const part = playlist.segments.find(({ number }) => number === position.msn)?.parts[position.part]
          if (part) await from(new URL(part.uri, url).href)
          position = part ? { ...position, part: position.part + 1 } : { msn: position.msn + 1, part: 0 }
        }
      }
      await Promise.all(Array.from({ length: 50 }, watch))
      expect(answers.size).toBeGreaterThan(20)
      for (const [address, statuses] of answers) {
        expect([address, statuses.filter((status) => status !== 'HIT')]).toEqual([address, ['MISS']])
      }
    } finally {
      await nginx.close()
    }
  })
})
