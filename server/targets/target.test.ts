import { pino } from 'pino'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { GatewayError } from '../../shared/errors.ts'
import type { Broadcast } from '../broadcast/broadcast.ts'
import { Directory } from '../broadcast/directory.ts'
import type { EpochWriter } from '../broadcast/epoch-writer.ts'
import type { BusTag } from '../flv/gop-cache.ts'
import { TAG_TYPE, type Tag } from '../flv/tag.ts'
import { timeUntil } from '../process/fake-delay.ts'
import { startTarget, type Target, type TargetConnection, type TargetProtocol } from './target.ts'

vi.mock('node:timers/promises', () => import('../process/fake-delay.ts'))

/** A connection to a target that takes what it is given as long as `takes`. */
class FakeConnection implements TargetConnection {
  readonly written: BusTag[] = []
  readonly ended: Promise<string>
  takes = true
  bytesOut = 0
  deliveredBytes = 0
  closedWithin: number | null = null
  end: (reason: string) => void = () => {}

  constructor() {
    this.ended = new Promise((resolve) => {
      this.end = resolve
    })
  }

  async write(tags: readonly BusTag[]): Promise<boolean> {
    if (!this.takes) {
      this.end('it took nothing for 8 s')
      return false
    }
    this.written.push(...tags)
    for (const { bytes } of tags) this.bytesOut += bytes.length
    return true
  }

  async close(graceMs: number): Promise<void> {
    this.closedWithin = graceMs
  }
}

let broadcast: Broadcast
let writer: EpochWriter
let connections: FakeConnection[]
let states: string[]
/** What `connect` throws, the next times. */
let refusals: Error[]
let target: Target

const write = (type: Tag['type'], timestamp: number, ...bytes: number[]) =>
  writer.write({ type, timestamp, body: Buffer.from(bytes) })

function goLive(): void {
  write(TAG_TYPE.video, 0, 0x17, 0, 0, 0, 0, 1, 0x42, 0xc0, 0x20, 0xff, 0xe0, 0)
  write(TAG_TYPE.audio, 0, 0xaf, 0, 0x11, 0x90)
  write(TAG_TYPE.video, 0, 0x17, 1, 0, 0, 0)
}

beforeEach(() => {
  vi.useFakeTimers()
  // The longest waits, so that they can be told.
  vi.spyOn(Math, 'random').mockReturnValue(0)
  connections = []
  states = []
  refusals = []
  broadcast = new Directory().claim('cam', 'recorder')
  writer = broadcast.beginEpoch({
    epoch: 0,
    at: 0,
    video: { codec: 'h264', width: 0, height: 0, action: 'copy' },
    audio: { codec: 'aac', action: 'copy' },
  })
  goLive()
  const protocol: TargetProtocol = {
    async connect() {
      await Promise.resolve()
      const refusal = refusals.shift()
      if (refusal) throw refusal
      const connection = new FakeConnection()
      connections.push(connection)
      return connection
    },
  }
  target = startTarget(
    broadcast,
    {
      ...{ id: 'one', name: 'Twitch', host: 'live.example', addedBy: 'operator', secrets: ['live_key'] },
      log: pino({ level: 'silent' }),
      maxRetryDelayMs: 4_000,
      onState: ({ state }) => states.push(state),
    },
    protocol,
  )
})
afterEach(async () => {
  await target.close()
  expect(vi.getTimerCount()).toBe(0)
  expect(connections.every(({ closedWithin }) => closedWithin !== null)).toBe(true)
  vi.restoreAllMocks()
  vi.useRealTimers()
})

const pass = (ms = 0) => vi.advanceTimersByTimeAsync(ms)

const kinds = (connection: FakeConnection | undefined) => connection?.written.map(({ kind }) => kind)

describe('a target', () => {
  it('gets the headers and the group of pictures so far, and is live once its server took the stream', async () => {
    await pass()
    expect(states).toEqual(['live'])
    expect(kinds(connections[0])).toEqual(['video-header', 'audio-header', 'keyframe'])
    expect(target.status()).toMatchObject({ state: 'live', reconnects: 0, lastError: null })
    const before = target.status().bytesOut
    write(TAG_TYPE.video, 40, 0x27, 1, 0, 0, 0)
    await pass()
    expect(target.status().bytesOut).toBeGreaterThan(before)
  })

  it('begins with a keyframe, also where what came since the last one was not kept', async () => {
    await pass()
    for (let at = 1; at <= 50; at++) write(TAG_TYPE.video, at * 40, 0x27, 1, 0, 0, 0, ...Array(100_000).fill(1))
    target.pause()
    await pass()
    target.retry()
    await pass()
    write(TAG_TYPE.audio, 2_040, 0xaf, 1, 0x21)
    write(TAG_TYPE.video, 2_040, 0x27, 1, 0, 0, 0)
    await pass()
    expect(kinds(connections[1])).toEqual(['video-header', 'audio-header'])
    write(TAG_TYPE.video, 2_080, 0x17, 1, 0, 0, 0)
    write(TAG_TYPE.audio, 2_080, 0xaf, 1, 0x21)
    await pass()
    expect(kinds(connections[1])).toEqual(['video-header', 'audio-header', 'keyframe', 'audio'])
  })

  it('goes on where the camera is turned off', async () => {
    await pass()
    const sound = { codec: 'aac', action: 'copy' } as const
    writer = broadcast.beginEpoch({ epoch: 1, at: 1_000, video: null, audio: sound })
    write(TAG_TYPE.audio, 0, 0xaf, 0, 0x11, 0x90)
    write(TAG_TYPE.audio, 0, 0xaf, 1, 0x21)
    await pass()
    expect(connections).toHaveLength(1)
    expect(kinds(connections[0])?.at(-1)).toBe('audio')
    expect(target.status()).toMatchObject({ state: 'live', reconnects: 0, lastError: null })
  })

  it('is tried again with growing waits, says why without its key, and begins with the first wait after a success', async () => {
    await pass()
    const waits: number[] = []
    for (let time = 0; time < 5; time++) {
      connections.at(-1)?.end('the server refused it: live_key is not known')
      const before = connections.length
      waits.push(await timeUntil(() => connections.length > before))
    }
    expect(waits).toEqual([500, 1_000, 2_000, 4_000, 4_000])
    expect(target.status()).toMatchObject({ reconnects: 5, lastError: 'the server refused it: … is not known' })
    await pass(10_001)
    connections.at(-1)?.end('gone')
    await pass(500)
    expect(connections).toHaveLength(7)
  })

  it('that may not be pushed to is not tried again by itself, and at once where somebody says so', async () => {
    refusals.push(
      new Error('no socket'),
      new GatewayError('forbidden', 'live.example is at an address that is not public.'),
    )
    await pass()
    connections[0]?.end('gone')
    await pass(500)
    await pass(1_000)
    expect(target.status()).toMatchObject({
      state: 'failed',
      lastError: 'live.example is at an address that is not public.',
    })
    await pass(3_600_000)
    expect(connections).toHaveLength(1)
    target.retry()
    await pass()
    expect(connections).toHaveLength(2)
  })

  it('is paused and resumed, and is not waited for while it is paused', async () => {
    await pass()
    target.pause()
    await pass(60_000)
    expect([target.status().state, connections.length]).toEqual(['paused', 1])
    target.retry()
    await pass()
    expect(states).toEqual(['live', 'paused', 'connecting', 'live'])
  })

  it('that takes nothing any more is given up, and tried again', async () => {
    await pass()
    const [connection] = connections
    if (connection) connection.takes = false
    write(TAG_TYPE.video, 40, 0x27, 1, 0, 0, 0)
    await pass()
    expect(target.status()).toMatchObject({ state: 'retrying', lastError: 'it took nothing for 8 s' })
    expect(target.status().droppedFrames).toBeGreaterThan(0)
    await pass(500)
    expect(connections).toHaveLength(2)
  })

  it('gets a broadcast that was over before its server answered, unless that takes too long', async () => {
    broadcast.addOutput(target)
    // It has not answered yet.
    await broadcast.end()
    await pass()
    expect(kinds(connections[0])).toEqual(['video-header', 'audio-header', 'keyframe'])
  })

  it('writes what is queued when its broadcast ends, and is not tried again', async () => {
    await pass()
    broadcast.addOutput(target)
    write(TAG_TYPE.video, 40, 0x27, 1, 0, 0, 0)
    await broadcast.end()
    await pass(60_000)
    expect([connections.length, kinds(connections[0])?.at(-1)]).toEqual([1, 'interframe'])
    expect(connections[0]?.closedWithin).toBeGreaterThan(0)
  })
})
