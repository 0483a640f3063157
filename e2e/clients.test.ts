import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chown, readdir, readFile, stat } from 'node:fs/promises'
import type { Browser } from 'playwright'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startBrowser } from './support/browser.ts'
import { startFirefox } from './support/firefox.ts'
import { startGateway, startLoop, type TestGateway } from './support/gateway.ts'
import { decode, ffmpeg } from './support/media.ts'
import { temporaryDirectory } from './support/resources.ts'
import { wholeTags } from './support/tags.ts'
import { until } from './support/wait.ts'

/** How much of the stream each client plays. */
const SECONDS = 10

let gateway: TestGateway
let push: Awaited<ReturnType<typeof startLoop>>
beforeAll(async () => {
  gateway = await startGateway(['--rtmp', 'nginx'])
  push = await startLoop(gateway, 'stream')
  await until('nginx has HLS', async () => (await fetch(`${gateway.url}/hls/stream.m3u8`)).ok)
  await until('there is low-latency HLS', async () => (await fetch(`${gateway.url}/hls/stream/ll.m3u8`)).ok)
})
afterAll(async () => {
  await push.stop()
  await gateway.stop()
})

const LINKS = ['/hls/stream/ll.m3u8', '/hls/stream.m3u8', '/live/stream.flv']

/** Runs a program until it ends; gives its exit code and what it printed. */
async function run(command: string, args: string[]): Promise<{ code: number; printed: string }> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  let printed = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      printed += text
    })
  }
  const [code] = (await once(child, 'close')) as [number]
  return { code, printed }
}

async function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  const closed = once(child, 'close')
  child.kill(signal)
  await closed
}

describe.concurrent('programs that play, each 10 s without an error', () => {
  it.each(LINKS)('FFmpeg plays %s', async (link) => {
    const exact = ['-fps_mode', 'passthrough', '-enc_time_base', '1:90000']
    const { code, stderr } = await ffmpeg([
      '-v',
      'error',
      '-i',
      gateway.url + link,
      '-t',
      `${SECONDS}`,
      ...exact,
      '-f',
      'null',
      '-',
    ])
    // It says of fragmented MP4 in HLS that each segment's init section was seen already.
    const complaints = stderr.split('\n').filter((line) => line !== '' && !line.includes('duplicated MOOV'))
    expect([code, complaints]).toEqual([0, []])
  })

  it.each(LINKS)('mpv plays %s', async (link) => {
    const quiet = [
      '--no-config',
      '--no-terminal',
      '--vo=null',
      '--ao=null',
      '--msg-level=all=error',
      '--log-file=/dev/stderr',
    ]
    const { code, printed } = await run('mpv', [...quiet, `--length=${SECONDS}`, gateway.url + link])
    const complaints = printed.split('\n').filter((line) => /\[[ef]\]/.test(line))
    expect([code, complaints]).toEqual([0, []])
  })

  it.each(LINKS)('VLC plays %s', async (link) => {
    const directory = await temporaryDirectory()
    // VLC does not run for root; it writes one picture in 30 that it has decoded.
    const asOther = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {}
    if (asOther.uid) await chown(directory.path, asOther.uid, asOther.gid)
    const scene = [
      '--video-filter=scene',
      '--scene-format=png',
      '--scene-width=64',
      '--scene-height=36',
      '--scene-ratio=30',
      `--scene-path=${directory.path}`,
    ]
    const child = spawn(
      'cvlc',
      ['--quiet', '--vout=dummy', '--aout=dummy', ...scene, '--play-and-exit', gateway.url + link],
      {
        ...asOther,
        env: { ...process.env, HOME: directory.path },
        stdio: 'ignore',
      },
    )
    const pictures = async () => (await readdir(directory.path)).filter((file) => file.endsWith('.png'))
    try {
      await until('VLC has decoded 10 s', async () => (await pictures()).length >= SECONDS, 250)
      for (const picture of await pictures())
        expect((await stat(`${directory.path}/${picture}`)).size).toBeGreaterThan(0)
    } finally {
      await ended(child, 'SIGKILL')
      await directory.remove()
    }
  })

  it('librtmp reads the RTMP side', async () => {
    const directory = await temporaryDirectory()
    const file = `${directory.path}/stream.flv`
    const url = `rtmp://127.0.0.1:${gateway.rtmpPort}/live/stream`
    const child = spawn('rtmpdump', ['--quiet', '--live', '-r', url, '-o', file], { stdio: 'ignore' })
    try {
      await until('there are 10 s', async () => (await decode(await readOrEmpty(file))).audioSeconds > SECONDS, 1000)
    } finally {
      await ended(child, 'SIGINT')
    }
    expect((await decode(wholeTags(await readOrEmpty(file)))).errors).toBe('')
    await directory.remove()
  })
})

async function readOrEmpty(file: string): Promise<Buffer> {
  return readFile(file).catch(() => Buffer.alloc(0))
}

/** What a page's video has shown, as a script in the page finds out. */
interface Shown {
  method: string
  seconds: number
  width: number
  dropped: number
  error: string | null
}

/** A script that resolves once the player has played for so many seconds. */
const PLAYED = `(async () => {
  const deep = (root) => root.querySelector('castgate-player') ?? deep(root.querySelector('castgate-watch').shadowRoot)
  const player = deep(document)
  const video = player.shadowRoot.querySelector('video')
  if (video.currentTime === 0) await new Promise((resolve) => video.addEventListener('timeupdate', resolve, { once: true }))
  const from = performance.now()
  let shown = 0
  while (shown < ${SECONDS} && !video.error) {
    const before = video.currentTime
    await new Promise((resolve) => video.addEventListener('timeupdate', resolve, { once: true }))
    // A jump to the live edge is no second that was played.
    shown += Math.min(1, Math.max(0, video.currentTime - before))
  }
  const quality = video.getVideoPlaybackQuality()
  return { method: player.state.method ?? player.state.kind, seconds: shown, width: video.videoWidth,
    dropped: quality.corruptedVideoFrames ?? 0, error: video.error?.message ?? null }
})()`

describe.concurrent('browsers that play, each 10 s without an error', () => {
  describe('Chromium', () => {
    let browser: Browser
    beforeAll(async () => {
      browser = await startBrowser(['--autoplay-policy=no-user-gesture-required'])
    })
    afterAll(() => browser.close())

    it.each([
      ['flv', 'mpegts.js'],
      ['flv-websocket', 'mpegts.js over a WebSocket'],
      ['ll-hls', 'hls.js'],
      ['hls', 'hls.js with the HLS of nginx'],
      ['native', 'its own HLS'],
    ])('plays %s with %s', async (method) => {
      const page = await browser.newPage()
      const errors: string[] = []
      page.on('pageerror', (error) => errors.push(error.message))
      await page.goto(`${gateway.url}/watch/stream?methods=${method}`)
      const shown = (await page.evaluate(PLAYED)) as Shown
      expect(shown).toMatchObject({ method, width: 1280, dropped: 0, error: null })
      expect(errors).toEqual([])
      await page.close()
    })
  })

  it.each(['flv', 'll-hls'])('Firefox plays %s', async (method) => {
    const firefox = await startFirefox({ 'media.autoplay.default': 0 })
    try {
      await firefox.open(`${gateway.url}/watch/stream?methods=${method}`)
      expect(await firefox.evaluate(PLAYED)).toMatchObject({ method, width: 1280, error: null })
    } finally {
      await firefox.close()
    }
  })
})
