import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { encodeChunk } from '../shared/chunk.ts'
import { readFrames } from './support/clock-reader.ts'
import { descendantsOf, startGateway, type TestGateway } from './support/gateway.ts'
import { HlsCollector } from './support/hls.ts'
import {
  claimedPicture,
  crowdedCluster,
  crowdedFragments,
  crowdOfClusters,
  crumbs,
  type HostileMedia,
  jumpingSound,
  paddedHeader,
  standingStill,
} from './support/hostile-media.ts'
import { castgate } from './support/program.ts'
import { type Closed, ingestUrl, mediaPath, publish, readRecording, TestSocket } from './support/publisher.ts'
import { NOT_KEPT, until } from './support/wait.ts'

/** What is well formed, and costs much: with another publisher beside it, and somebody who watches that one. */

const MB = 1024 * 1024

let gateway: TestGateway
let names = 0
beforeAll(async () => {
  gateway = await startGateway(['--rtmp', 'nginx', '--resume-seconds', '1'])
})
afterAll(() => gateway.stop())

/** Sends a recording; `socket` stays open. Gives how it closed, or null where all of it was taken. */
async function send({
  mimeType,
  chunks,
}: HostileMedia): Promise<{ socket: TestSocket; name: string; closed: Closed | null }> {
  const name = `media-${++names}`
  const socket = await new TestSocket(ingestUrl(gateway, name)).opened()
  socket.send({ type: 'hello', session: null })
  socket.send({ type: 'epoch', epoch: 0, at: 0, mimeType })
  for (const [sequence, payload] of chunks.entries()) socket.send(encodeChunk({ epoch: 0, sequence, payload }))
  const taken = until('all of it is taken', () =>
    socket.messages.some((message) => message.type === 'ack' && message.next === chunks.length),
  ).then(() => null)
  const closed = await Promise.race([taken, socket.closed])
  taken.catch(() => {})
  return { socket, name, closed }
}

/** Resident memory of the FFmpegs of the gateway, the largest of them, in bytes. */
async function largestFfmpeg(): Promise<number> {
  const sizes = [...(await descendantsOf(gateway.program.process.pid ?? 0))].flatMap(([pid, name]) => {
    if (name !== 'ffmpeg') return []
    try {
      return Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024
    } catch {
      return []
    }
  })
  return Math.max(0, ...sizes)
}

/** Broadcasts beside `attack`, and expects every frame of it at a viewer. */
async function beside(attack: () => Promise<void>): Promise<void> {
  const name = `beside-${++names}`
  const pushed = castgate(['push', mediaPath('chrome-h264.mp4'), name, '--port', `${gateway.port}`])
  const collector = new HlsCollector(`${gateway.url}/hls/${name}.m3u8`)
  const attacked = (async () => {
    await until('the other one is live', async () => (await gateway.stream(name))?.state === 'live')
    await attack()
  })()
  const { bytes } = await collector.collectUntil(Promise.all([pushed.exited, attacked]))
  expect(await readFrames(bytes)).toEqual(await readFrames((await readRecording('chrome-h264.mp4')).bytes))
}

describe('while another broadcast goes on, with every frame', () => {
  it('what takes the event loop is refused, or taken piece by piece', { timeout: 300_000 }, async () => {
    await beside(async () => {
      for (const [media, words] of [
        [paddedHeader('matroska', 20_000), /no media/],
        [paddedHeader('mp4', 20_000), /no media/],
        [crowdOfClusters(), /in a second/],
      ] as const) {
        const { closed } = await send(media)
        expect(closed).toMatchObject({ code: 4415, error: 'unsupported_media', message: expect.stringMatching(words) })
      }
      const { socket, closed } = await send(crumbs('chrome-h264.webm', 20_000))
      expect(closed).toBeNull()
      socket.send({ type: 'end' })
      expect(await socket.closed).toMatchObject({ code: 1000 })
    })
  })

  it('pieces without number end their own broadcast', async () => {
    await beside(async () => {
      const { chunks, again = Buffer.alloc(0), mimeType } = crowdedCluster()
      const { closed } = await send({ mimeType, chunks: [...chunks, ...Array<Buffer>(20).fill(again)] })
      expect(closed).toMatchObject({ code: 4415, message: expect.stringMatching(/in a second/) })
      const fragments = crowdedFragments()
      const boxes = await send({ ...fragments, chunks: [...fragments.chunks, ...Array<Buffer>(20).fill(again)] })
      expect(boxes.closed).toMatchObject({ code: 4415 })
    })
  })

  it('a sound that jumps by hours is a gap, and no silence is made of it', { timeout: 300_000 }, async () => {
    await beside(async () => {
      const { socket, name, closed } = await send(jumpingSound(10))
      expect(closed).toBeNull()
      const stream = await until('it is live', () => gateway.stream(name))
      await gateway.logged({ stream: name, reason: /jumps by 3\d{4} s/ })
      // Hours of silence would be hundreds of megabytes in FFmpeg, and come out faster than they can be watched.
      expect(await largestFfmpeg()).toBeLessThan(200 * MB)
      socket.send({ type: 'end' })
      expect(await socket.closed).toMatchObject({ code: 1000 })
      expect(stream.audio).toMatchObject({ action: 'transcode' })
    })
  })

  it('recordings begun without end are refused: each costs an FFmpeg', async () => {
    await beside(async () => {
      const socket = await new TestSocket(ingestUrl(gateway, `media-${++names}`)).opened()
      socket.send({ type: 'hello', session: null })
      for (let epoch = 0; epoch < 100; epoch++) {
        socket.send({ type: 'epoch', epoch, at: 0, mimeType: 'video/webm' })
      }
      expect(await socket.closed).toMatchObject({
        code: 4429,
        error: 'too_many',
        message: expect.stringMatching(/60 recordings in a minute/),
      })
    })
  })

  it('a picture that claims to be large is refused, and none makes FFmpeg large', { timeout: 300_000 }, async () => {
    await beside(async () => {
      for (const [width, height] of [
        [8192, 8192],
        [3841, 2160],
        [2161, 3840],
      ] as const) {
        const { closed } = await send(claimedPicture(width, height))
        expect(closed).toMatchObject({
          code: 4415,
          message: expect.stringMatching(/larger than this server takes: 3840×2160/),
        })
      }
      const { socket, closed } = await send(claimedPicture(2160, 3840))
      expect(closed).toBeNull()
      expect(await largestFfmpeg()).toBeLessThan(1400 * MB)
      socket.cut()
    })
  })
})

describe('a codec that is named like what every object has', () => {
  it.each(['constructor', '__proto__', 'toString', 'hasOwnProperty'])(
    '%s is refused, and the API goes on',
    async (codec) => {
      const other = `named-${++names}`
      const ok = await new TestSocket(ingestUrl(gateway, other)).opened()
      ok.send({ type: 'hello', session: null })
      await ok.message('welcome')
      const file = Buffer.from((await readRecording('chrome-audio-only.webm')).bytes)
      const at = file.indexOf('A_OPUS')
      const named = Buffer.concat([
        file.subarray(0, at - 1),
        Buffer.from([0x80 | codec.length]),
        Buffer.from(codec),
        file.subarray(at + 6),
      ])
      // The sizes around it are those of the shorter name: what is cut off is the end of the track, which has nothing that is needed.
      const { closed } = await send({ mimeType: 'audio/webm', chunks: [named] })
      expect(closed).toMatchObject({ code: 4415 })
      for (const mimeType of [codec, `${codec};x`, codec.toUpperCase()]) {
        expect((await send({ mimeType, chunks: [file] })).closed).toMatchObject({ code: 4415 })
      }
      for (const path of ['/api/streams', `/api/streams/${other}`, '/healthz']) {
        expect((await fetch(gateway.url + path, NOT_KEPT)).status).toBe(200)
      }
      ok.send({ type: 'end' })
      await ok.closed
    },
  )
})

it('an honest recording of the same kind is taken after all that', async () => {
  await publish(ingestUrl(gateway, 'honest'), await readRecording('chrome-vp8.webm'), { pace: 'fast' })
})

it('a recording that stood still for a while goes on behind the gap with every frame', {
  timeout: 120_000,
}, async () => {
  const recording = await readRecording('chrome-h264.webm')
  const collector = new HlsCollector(`${gateway.url}/hls/media-${names + 1}.m3u8`)
  const sent = (async () => {
    // It goes on with a keyframe, as a recorder does after so long: that of 6026 ms.
    const { socket, closed } = await send(standingStill(recording.name, 6_000, 15_000))
    expect(closed).toBeNull()
    socket.send({ type: 'end' })
    expect(await socket.closed).toMatchObject({ code: 1000 })
  })()
  const { bytes } = await collector.collectUntil(sent)
  expect(await readFrames(bytes)).toEqual(await readFrames(recording.bytes))
  await gateway.logged({ reason: /jumps by 15 s/ })
})
