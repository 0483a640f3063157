import { Writable } from 'node:stream'
import { pino } from 'pino'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { GatewayError } from '../../shared/errors.ts'
import type { Broadcast } from '../broadcast/broadcast.ts'
import { Directory } from '../broadcast/directory.ts'
import type { EpochWriter } from '../broadcast/epoch-writer.ts'
import type { FfmpegHandlers, FfmpegRun } from '../ffmpeg/run.ts'
import { TAG_TYPE, type Tag } from '../flv/tag.ts'
import { timeUntil } from '../process/fake-delay.ts'
import { type FfmpegOutput, type OutputSpec, startFfmpegOutput } from './ffmpeg-output.ts'

vi.mock('node:timers/promises', () => import('../process/fake-delay.ts'))

/** An FFmpeg that opens its output when it is told to, and takes what it is given as long as `takes`. */
class FakeRun implements FfmpegRun {
  readonly pid = 1
  readonly written: Buffer[] = []
  readonly signals: string[] = []
  takes = true
  readonly exited: FfmpegRun['exited']
  readonly #onLine: FfmpegHandlers['onLine']
  #end: (exit: Awaited<FfmpegRun['exited']>) => void = () => {}

  constructor({ onLine }: FfmpegHandlers) {
    this.#onLine = onLine
    this.exited = new Promise((resolve) => {
      this.#end = resolve
    })
  }

  readonly stdin = new Writable({
    highWaterMark: 1_000,
    write: (bytes: Buffer, _, done) => {
      this.written.push(bytes)
      if (this.takes) done()
    },
    final: (done) => {
      this.exit(0)
      done()
    },
  })

  open(): void {
    this.#onLine?.("Output #0, flv, to 'pipe':")
  }

  exit(code: number, message = ''): void {
    this.#end({ kind: 'exited', code, message })
  }

  kill(signal: NodeJS.Signals): void {
    this.signals.push(signal)
    this.#end({ kind: 'killed', signal, message: 'killed' })
  }
}

let broadcast: Broadcast
let writer: EpochWriter
let runs: FakeRun[]
let released: number
let states: string[]
/** What `prepare` throws, the next time. */
let refusals: Error[]
let output: FfmpegOutput

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
  runs = []
  released = 0
  states = []
  refusals = []
  const nothing = () => {}
  broadcast = new Directory().claim('cam', 'recorder')
  writer = broadcast.beginEpoch({
    epoch: 0,
    at: 0,
    video: { codec: 'h264', width: 0, height: 0, action: 'copy' },
    audio: { codec: 'aac', action: 'copy' },
  })
  goLive()
  const spec: OutputSpec = {
    id: 'one',
    name: 'Twitch',
    host: 'live.example',
    addedBy: 'operator',
    secrets: ['live_key'],
    ffmpegs: {
      run: async (_job: unknown, _purpose: unknown, handlers: FfmpegHandlers) => {
        const run = new FakeRun(handlers)
        runs.push(run)
        return run
      },
    } as unknown as OutputSpec['ffmpegs'],
    log: pino({ level: 'silent' }),
    maxRetryDelayMs: 4_000,
    async prepare() {
      const refusal = refusals.shift()
      if (refusal) throw refusal
      return {
        job: {} as never,
        onOpen: nothing,
        bytesOut: () => null,
        problem: () => null,
        release: async () => void released++,
      }
    },
    onState: ({ state }) => states.push(state),
  }
  output = startFfmpegOutput(broadcast, spec)
})
afterEach(async () => {
  await output.close()
  expect(vi.getTimerCount()).toBe(0)
  expect(released).toBe(runs.length)
  vi.restoreAllMocks()
  vi.useRealTimers()
})

const pass = (ms = 0) => vi.advanceTimersByTimeAsync(ms)

describe('a target', () => {
  it('gets the headers and the group of pictures so far, and is live once its server took it', async () => {
    await pass()
    expect(states).toEqual([])
    const given = Buffer.concat(runs[0]?.written ?? [])
    expect(given.subarray(0, 3).toString()).toBe('FLV')
    runs[0]?.open()
    expect(output.status()).toMatchObject({ state: 'live', reconnects: 0, lastError: null })
    const before = output.status().bytesOut
    write(TAG_TYPE.video, 40, 0x27, 1, 0, 0, 0)
    await pass()
    expect(output.status().bytesOut).toBeGreaterThan(before)
  })

  it('is tried again with growing waits, says why without its key, and begins with the first wait after a success', async () => {
    await pass()
    const waits: number[] = []
    for (let time = 0; time < 5; time++) {
      runs.at(-1)?.exit(1, 'rtmp://live.example/app/live_key: Connection refused')
      const before = runs.length
      waits.push(await timeUntil(() => runs.length > before))
    }
    expect(waits).toEqual([500, 1_000, 2_000, 4_000, 4_000])
    expect(output.status()).toMatchObject({
      state: 'retrying',
      reconnects: 5,
      lastError: 'rtmp://live.example/app/…: Connection refused',
    })
    runs.at(-1)?.open()
    await pass(10_001)
    runs.at(-1)?.exit(1, 'gone')
    await pass(500)
    expect(runs).toHaveLength(7)
    expect(states).toEqual(['retrying', 'live', 'retrying'])
  })

  it('that may not be pushed to is not tried again by itself, and at once where somebody says so', async () => {
    refusals.push(
      new Error('no socket'),
      new GatewayError('forbidden', 'live.example is at an address that is not public.'),
    )
    runs[0]?.exit(1)
    await pass()
    // The first run began before the refusals.
    runs[0]?.exit(1, 'gone')
    await pass(500)
    await pass(1_000)
    expect(output.status()).toMatchObject({
      state: 'failed',
      lastError: 'live.example is at an address that is not public.',
    })
    await pass(3_600_000)
    expect(runs).toHaveLength(1)
    output.retry()
    await pass()
    expect(runs).toHaveLength(2)
  })

  it('is paused and resumed, and is not waited for while it is paused', async () => {
    await pass()
    runs[0]?.open()
    output.pause()
    await pass(60_000)
    expect([output.status().state, runs.length]).toEqual(['paused', 1])
    output.retry()
    await pass()
    runs[1]?.open()
    expect(states).toEqual(['live', 'paused', 'connecting', 'live'])
  })

  it('that takes nothing for eight seconds is given up, and tried again', async () => {
    await pass()
    const [run] = runs
    if (run) run.takes = false
    run?.open()
    for (let at = 1; at < 40; at++) write(TAG_TYPE.video, at * 40, 0x27, 1, 0, 0, 0, ...Array(100).fill(0))
    await pass(8_000)
    expect(run?.signals).toContain('SIGKILL')
    expect(output.status()).toMatchObject({ state: 'retrying', lastError: 'it took nothing for 8 s' })
    expect(output.status().droppedFrames).toBeGreaterThan(0)
    await pass(500)
    expect(runs).toHaveLength(2)
  })

  it('writes what is queued when its broadcast ends, and is not tried again', async () => {
    await pass()
    runs[0]?.open()
    broadcast.addOutput(output)
    await broadcast.end()
    await pass(60_000)
    expect([runs.length, runs[0]?.signals]).toEqual([1, []])
  })
})
