import { createReadStream } from 'node:fs'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import type { Browser, Page } from 'playwright'

const require = createRequire(import.meta.url)

/** Players that other people use, from their packages, and how each is told to play `src` in `video`. `fail` is told of what it cannot play. */
const PLAYERS = {
  'hls.js': {
    script: require.resolve('hls.js/dist/hls.min.js'),
    code: `
      const hls = new Hls({ lowLatencyMode: true })
      hls.on(Hls.Events.ERROR, (_, { fatal, details }) => { if (fatal) fail(details) })
      hls.loadSource(src)
      hls.attachMedia(video)`,
  },
  'video.js': {
    script: require.resolve('video.js/dist/video.min.js'),
    code: `
      const player = videojs(video, { liveui: true, html5: { vhs: { overrideNative: true, llhls: true } } })
      player.on('error', () => fail(player.error()?.message))
      player.src({ src, type: 'application/x-mpegURL' })`,
  },
  'mpegts.js': {
    script: require.resolve('mpegts.js/dist/mpegts.js'),
    code: `
      const player = mpegts.createPlayer({ type: 'flv', isLive: true, url: src }, { liveBufferLatencyChasing: true })
      player.on(mpegts.Events.ERROR, (type, detail) => fail(type + ' ' + detail))
      player.on(mpegts.Events.LOADING_COMPLETE, () => { window.seen.ended = true })
      player.attachMediaElement(video)
      player.load()`,
  },
} as const

/** A player of other people. */
export type OtherPlayer = keyof typeof PLAYERS

export const OTHER_PLAYERS = Object.keys(PLAYERS) as OtherPlayer[]

/** What a player has come to. */
export interface PlayerSeen {
  /** Seconds. */
  time: number
  width: number
  failed: string[]
  ended: boolean
}

const page = (name: OtherPlayer, src: string) => `<!doctype html><video muted autoplay playsinline></video>
<script src="/${name}/script.js"></script>
<script type="module">
  window.seen = { failed: [], ended: false }
  const fail = (what) => window.seen.failed.push(String(what))
  const src = ${JSON.stringify(src)}
  const video = document.querySelector('video')
  video.addEventListener('error', () => fail('video: ' + video.error?.message))
  video.addEventListener('ended', () => { window.seen.ended = true })
  try { ${PLAYERS[name].code}
  } catch (error) { fail(error.message) }
  void video.play().catch(() => {})
</script>`

/** A site with a page for each player: `/NAME?SRC`. */
export async function startPlayers(): Promise<{
  open(browser: Browser, name: OtherPlayer, src: string): Promise<Page>
  close(): void
}> {
  const server = createServer((request, response) => {
    const { pathname, search } = new URL(request.url ?? '/', 'http://localhost')
    const name = OTHER_PLAYERS.find((each) => pathname === `/${each}`)
    if (name) {
      response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' })
      return response.end(page(name, decodeURIComponent(search.slice(1))))
    }
    const script = OTHER_PLAYERS.find((each) => pathname === `/${each}/script.js`)
    if (!script) return response.writeHead(404).end()
    response.writeHead(200, { 'content-type': 'text/javascript' })
    return createReadStream(PLAYERS[script].script).pipe(response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const origin = `http://localhost:${(server.address() as AddressInfo).port}`
  return {
    async open(browser, name, src) {
      const opened = await browser.newPage()
      await opened.goto(`${origin}/${name}?${encodeURIComponent(src)}`)
      return opened
    },
    close() {
      server.close()
      server.closeAllConnections()
    },
  }
}

/** What the player of a page has come to. */
export function look(opened: Page): Promise<PlayerSeen> {
  return opened.evaluate(() => {
    // video.js puts an element of its own in the place.
    const video = document.querySelector('video')
    const { seen } = window as unknown as { seen: { failed: string[]; ended: boolean } }
    return { time: video?.currentTime ?? 0, width: video?.videoWidth ?? 0, ...seen }
  })
}
