import { setTimeout as delay } from 'node:timers/promises'
import type { Browser, Page } from 'playwright'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { encodeChunk } from '../shared/chunk.ts'
import { startBrowser } from './support/browser.ts'
import { startGateway, type TestGateway } from './support/gateway.ts'
import { followHls } from './support/hls-follower.ts'
import { ffmpeg } from './support/media.ts'
import { inBlobs, ingestUrl, type Recording, readRecording, TestSocket } from './support/publisher.ts'
import { until } from './support/wait.ts'

let gateway: TestGateway
let browser: Browser
let camera: Recording
let sound: Recording
beforeAll(async () => {
  gateway = await startGateway(['--rtmp', 'nginx'])
  browser = await startBrowser(['--autoplay-policy=no-user-gesture-required'])
  camera = await readRecording('chrome-h264.webm')
  const args = [
    '-v',
    'error',
    '-f',
    'lavfi',
    '-i',
    'sine=300:r=48000',
    '-t',
    '9',
    '-c:a',
    'libopus',
    '-f',
    'matroska',
    '-',
  ]
  sound = inBlobs('sound', (await ffmpeg(args)).stdout, 9)
})
afterAll(async () => {
  await browser.close()
  await gateway.stop()
})

/** Publishes recordings in real time, one epoch after the other. `reached` is called where one begins. */
async function publishEpochs(
  name: string,
  recordings: readonly Recording[],
  reached: (epoch: number) => void,
): Promise<void> {
  const socket = await new TestSocket(ingestUrl(gateway, name)).opened()
  socket.send({ type: 'hello', session: null })
  await socket.message('welcome')
  const began = performance.now()
  let sequence = 0
  for (const [epoch, recording] of recordings.entries()) {
    const start = performance.now()
    const mimeType = recording === sound ? 'video/x-matroska;codecs=opus' : 'video/webm;codecs=avc1.42E01F,opus'
    socket.send({ type: 'epoch', epoch, at: Math.round(start - began), mimeType })
    reached(epoch)
    for (const { at, bytes } of recording.blobs) {
      await delay(Math.max(0, at - (performance.now() - start)))
      socket.send(encodeChunk({ epoch, sequence: sequence++, payload: bytes }))
    }
  }
  socket.send({ type: 'end' })
  await socket.closed
}

/** What a player's video has done: its time, how wide its picture is, and what has happened to it. */
interface Seen {
  time: number
  width: number
  /** Brightness of the picture in its middle, from 0 to 255. */
  light: number
  events: string[]
}

async function open(name: string, method: string): Promise<Page> {
  const page = await browser.newPage()
  await page.goto(`${gateway.url}/watch/${name}?methods=${method}`)
  await page.locator('video').evaluate((video: HTMLVideoElement) => {
    const events: string[] = []
    for (const type of ['error', 'ended', 'emptied'])
      video.addEventListener(type, () => {
        // The first picture is waited for with an empty element.
        if (type !== 'emptied' || video.played.length > 0)
          events.push(video.error ? `${type} ${video.error.message} at ${video.currentTime}` : type)
      })
    Object.assign(window, { events })
  })
  return page
}

const seen = (page: Page): Promise<Seen> =>
  page.locator('video').evaluate((video: HTMLVideoElement) => {
    const canvas = Object.assign(document.createElement('canvas'), { width: 1, height: 1 })
    const g = canvas.getContext('2d')
    g?.drawImage(video, 0, 0, 1, 1)
    const [red = 0, green = 0, blue = 0] = g?.getImageData(0, 0, 1, 1).data ?? []
    const { events } = window as unknown as { events: string[] }
    return { time: video.currentTime, width: video.videoWidth, light: (red + green + blue) / 3, events }
  })

const METHODS = ['flv', 'll-hls', 'hls'] as const

describe('a camera that is turned off for nine seconds, and on again', () => {
  it('is a card to players by FLV, LL-HLS and HLS, which play on without a break', { timeout: 180_000 }, async () => {
    let epoch = -1
    // The sound comes in large pieces, the beginning of which would be sent later by a recorder.
    const following = followHls(`${gateway.url}/hls/off/ll.m3u8`, false)
    const published = publishEpochs('off', [camera, sound, camera], (reached) => {
      epoch = reached
    })
    await until('it is live', () => gateway.stream('off'))
    const pages = await Promise.all(METHODS.map((method) => open('off', method)))
    for (const page of pages) await until('it plays', async () => (await seen(page)).time > 0.5)
    await until('the camera is off', () => epoch === 1)
    // A player of HLS is some seconds behind: all see the card before the camera is on again.
    await Promise.all(
      pages.map((page) =>
        until('it is dark', async () => {
          const now = await seen(page)
          return now.light < 40 && now.width === 1280
        }),
      ),
    )
    await Promise.all(pages.map((page) => until('it is light again', async () => (await seen(page)).light > 40)))
    const atEnd = await Promise.all(pages.map(seen))
    expect(atEnd.map(({ events }) => events)).toEqual(METHODS.map(() => []))
    await published
    const { checker, discontinuities } = await following
    expect([...checker.faults]).toEqual([])
    expect([...new Set(checker.tracks)]).toEqual(['vide,soun'])
    expect(discontinuities).toBe(2)
    for (const page of pages) await page.close()
  })
})
