import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { beginEpoch, frames } from '../../e2e/support/tags.ts'
import type { Broadcast } from '../broadcast/broadcast.ts'
import { Directory } from '../broadcast/directory.ts'
import type { EpochWriter } from '../broadcast/epoch-writer.ts'
import { FlvReader } from '../flv/reader.ts'
import { encodeFileHeader, kindOf, type Tag } from '../flv/tag.ts'
import { type Batch, messageHeader } from './batch.ts'
import { FanOut } from './fan-out.ts'

let server: Server
let broadcast: Broadcast
let writer: EpochWriter
let fanOut: FanOut
const sockets: Socket[] = []

beforeEach(async () => {
  server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const directory = new Directory()
  directory.on('fault', (_, error) => {
    throw error
  })
  broadcast = directory.claim('name', 'recorder')
  writer = beginEpoch(broadcast, 0, 0, 720)
  fanOut = new FanOut(broadcast)
  broadcast.listen(fanOut)
})
afterEach(async () => {
  vi.restoreAllMocks()
  for (const socket of sockets.splice(0)) socket.destroy()
  server.close()
  await once(server, 'close')
})

/** A viewer with a connection of its own; the client's side reads nothing by itself. */
async function join(): Promise<{ client: Socket; socket: Socket }> {
  const accepted = once(server, 'connection') as Promise<[Socket]>
  const client = connect((server.address() as { port: number }).port, '127.0.0.1').pause()
  const [socket] = await accepted
  sockets.push(client, socket)
  client.on('error', () => {})
  socket.on('error', () => {})
  fanOut.add({
    way: 'flv',
    socket,
    bytesOf: (batch: Batch) => batch.plain,
    opening: (tags, layout) => [...(layout ? [encodeFileHeader(layout)] : []), ...tags.map(({ bytes }) => bytes)],
    takesOtherTracks: false,
    isPaused: () => false,
    end: () => socket.end(),
  })
  return { client, socket }
}

/** Everything that comes until the connection ends. */
async function readAll(client: Socket): Promise<Tag[]> {
  const reader = new FlvReader()
  const tags: Tag[] = []
  for await (const bytes of client) tags.push(...reader.read(bytes as Buffer))
  return tags
}

/** Writes groups of pictures of about 1 MiB each, in turns of the event loop, as fast as `quick` takes them. */
async function writeGops(first: number, count: number, quick?: Socket): Promise<void> {
  for (let gop = first; gop < first + count; gop++) {
    for (const tag of frames(gop * 2000, (gop + 1) * 2000 - 1, { size: 16_000 })) writer.write(tag)
    do await setImmediate()
    while (quick && quick.writableLength > 0)
  }
}

/** Whether every picture follows the one before it, or is a keyframe: nothing else can be decoded. */
function isDecodable(tags: Tag[]): boolean {
  const pictures = tags.filter((tag) => ['keyframe', 'interframe'].includes(kindOf(tag)))
  return pictures.every((tag, index) => {
    const gap = tag.timestamp - (pictures[index - 1]?.timestamp ?? Number.NEGATIVE_INFINITY)
    return kindOf(tag) === 'keyframe' || gap < 50
  })
}

describe('FanOut', () => {
  it('gives a viewer the headers, the current group of pictures and then all that comes, and says that they left', async () => {
    for (const tag of frames(0, 2500)) writer.write(tag)
    const { client } = await join()
    expect(broadcast.audience.status().flv).toBe(1)
    const reading = readAll(client)
    for (const tag of frames(2500, 5000)) writer.write(tag)
    await broadcast.end()
    const kinds = (await reading).map(kindOf)
    expect(kinds.slice(0, 3)).toEqual(['video-header', 'audio-header', 'keyframe'])
    expect(kinds.filter((kind) => kind === 'keyframe').length).toBeGreaterThanOrEqual(2)
    await vi.waitFor(() => expect(broadcast.audience.status().flv).toBe(0))
  })

  it('writes the same memory to all viewers', async () => {
    const written: unknown[][] = []
    for (let viewer = 0; viewer < 3; viewer++) {
      const { socket } = await join()
      const own: unknown[] = []
      written.push(own)
      const write = socket.write.bind(socket)
      vi.spyOn(socket, 'write').mockImplementation((bytes: unknown) => {
        own.push(bytes)
        return write(bytes as Buffer)
      })
    }
    for (const tag of frames(0, 100)) writer.write(tag)
    await setImmediate()
    expect(written[0]?.length).toBeGreaterThan(0)
    for (const own of written) for (const [index, bytes] of own.entries()) expect(bytes).toBe(written[0]?.[index])
  })

  it('leaves out whole groups of pictures for one who is slow, and no one else', async () => {
    const [slow, quick] = [await join(), await join()]
    const quickTags = readAll(quick.client)
    await writeGops(0, 24, quick.socket)
    expect(broadcast.audience.status().skippedGops).toBeGreaterThan(0)
    expect(slow.socket.writableLength).toBeLessThan(10 * 1024 * 1024)
    const slowTags = readAll(slow.client)
    await vi.waitFor(() => expect(slow.socket.writableLength).toBe(0))
    await writeGops(24, 2)
    await broadcast.end()
    const [all, some] = [await quickTags, await slowTags]
    const pictures = (tags: Tag[]) => tags.filter((tag) => ['keyframe', 'interframe'].includes(kindOf(tag)))
    expect(pictures(all)).toHaveLength(26 * 60)
    expect(pictures(some).length).toBeLessThan(24 * 60)
    expect(pictures(some).length % 60).toBe(0)
    expect(isDecodable(some)).toBe(true)
    expect(some.at(-1)?.timestamp).toBe(all.at(-1)?.timestamp)
  })

  it('goes on where the camera is turned off, with a picture that stands for it', async () => {
    for (const tag of frames(0, 500)) writer.write(tag)
    const { client } = await join()
    const reading = readAll(client)
    writer = broadcast.beginEpoch({ epoch: 1, at: 600, video: null, audio: { codec: 'aac', action: 'copy' } })
    const began = performance.now()
    const clock = vi.spyOn(performance, 'now')
    const pass = (tags: Tag[]) => {
      for (const tag of tags) {
        clock.mockReturnValue(began + tag.timestamp)
        writer.write(tag)
      }
    }
    pass(frames(0, 5_000, { video: false }))
    const again = await join()
    const rest = readAll(again.client)
    pass(frames(5_000, 7_500, { video: false }))
    await broadcast.end()
    const pictures = (await reading).filter((tag) => kindOf(tag) === 'keyframe').map(({ timestamp }) => timestamp)
    expect(pictures.slice(1).map((at) => Math.round((at - 600) / 100) / 10)).toEqual([0, 2, 4, 6])
    expect((await rest).slice(0, 3).map(kindOf)).toEqual(['video-header', 'audio-header', 'keyframe'])
  })

  it('ends where a picture comes beside the sound alone: players of FLV begin with all tracks', async () => {
    await broadcast.end()
    broadcast = new Directory().claim('radio', 'recorder')
    const radio = beginEpoch(broadcast, 0, 0, null)
    fanOut = new FanOut(broadcast)
    broadcast.listen(fanOut)
    for (const tag of frames(0, 500, { video: false })) radio.write(tag)
    const { client } = await join()
    const reading = readAll(client)
    for (const tag of frames(500, 600, { video: false })) radio.write(tag)
    const seen = beginEpoch(broadcast, 1, 600, 720)
    for (const tag of frames(0, 100)) seen.write(tag)
    expect(new Set((await reading).map(kindOf))).toEqual(new Set(['audio-header', 'audio']))
  })

  it('closes one who takes nothing for long', async () => {
    const { socket } = await join()
    const quick = await join()
    const reading = readAll(quick.client)
    await writeGops(0, 24)
    const now = performance.now()
    vi.spyOn(performance, 'now').mockReturnValue(now + 11_000)
    await writeGops(24, 1)
    expect(socket.destroyed).toBe(true)
    vi.restoreAllMocks()
    await vi.waitFor(() => expect(broadcast.audience.status()).toMatchObject({ flv: 1, closedAsTooSlow: 1 }))
    await broadcast.end()
    expect((await reading).length).toBeGreaterThan(0)
  })
})

describe('a message of a WebSocket', () => {
  it.each([
    [125, '827d'],
    [126, '827e007e'],
    [65_535, '827effff'],
    [65_536, '827f0000000000010000'],
  ])('of %i bytes begins as RFC 6455, 5.2, says', (length, expected) => {
    expect(messageHeader(length).toString('hex')).toBe(expected)
  })
})
