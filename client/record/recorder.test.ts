import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { qualityOf } from './quality.ts'
import { startRecording } from './recorder.ts'

/** What a browser promises, and what it does then. */
let behaviour: Record<string, 'records' | 'throws' | 'gives nothing' | 'never stops'> = {}

class FakeRecorder extends EventTarget {
  static isTypeSupported = (type: string) => type in behaviour
  state: 'inactive' | 'recording' = 'inactive'
  readonly mimeType: string
  #timer: ReturnType<typeof setInterval> | undefined

  constructor(_: MediaStream, options: { mimeType: string }) {
    super()
    this.mimeType = options.mimeType
  }

  start(everyMs: number): void {
    if (behaviour[this.mimeType] === 'throws') throw new DOMException('Failed to start', 'NotSupportedError')
    this.state = 'recording'
    if (behaviour[this.mimeType] === 'records') this.#timer = setInterval(() => this.give(), everyMs)
  }

  give(): void {
    this.dispatchEvent(Object.assign(new Event('dataavailable'), { data: new Blob(['x']) }))
  }

  stop(): void {
    this.state = 'inactive'
    clearInterval(this.#timer)
    if (behaviour[this.mimeType] !== 'never stops') this.dispatchEvent(new Event('stop'))
  }
}

const H264 = 'video/webm;codecs=avc1.42E01F,opus'
const VP8 = 'video/webm;codecs=vp8,opus'
const tracks = (count: number) => Array.from({ length: count }, () => ({ readyState: 'live' }))
const streamOf = (video: number, audio: number) =>
  ({ getVideoTracks: () => tracks(video), getAudioTracks: () => tracks(audio) }) as unknown as MediaStream

beforeEach(() => {
  vi.useFakeTimers()
  vi.stubGlobal('MediaRecorder', FakeRecorder)
})
afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

function start(failed = new Set<string>(), stream = streamOf(1, 1)) {
  const lost: string[] = []
  const bytes: number[] = []
  const events = {
    onData: (data: Uint8Array) => bytes.push(data.length),
    onLost: (message: string) => lost.push(message),
  }
  return { recording: startRecording(stream, qualityOf('720p'), events, failed), lost, bytes, failed }
}

describe('a recording', () => {
  it('is of the next type where the browser promises one that it does not begin', () => {
    behaviour = { [H264]: 'throws', [VP8]: 'records' }
    const { recording, failed } = start()
    expect([recording.type, [...failed]]).toEqual([VP8, [H264]])
  })

  it('is of no type that failed before', () => {
    behaviour = { [H264]: 'records', [VP8]: 'records' }
    expect(start(new Set([H264])).recording.type).toBe(VP8)
  })

  it('fails in words where none begins', () => {
    behaviour = { [H264]: 'throws', [VP8]: 'throws' }
    expect(() => start()).toThrow('The browser does not record: Failed to start')
    behaviour = {}
    expect(() => start()).toThrow('This browser cannot record video')
  })

  it.each(['gives nothing', 'never stops'] as const)(
    'is lost after three seconds where it %s, and once',
    async (how) => {
      behaviour = { [H264]: how }
      const { recording, lost } = start()
      await vi.advanceTimersByTimeAsync(2_900)
      expect(lost).toEqual([])
      await vi.advanceTimersByTimeAsync(10_000)
      expect(lost).toEqual(['it gave nothing for 3 s'])
      expect(recording.hasData()).toBe(false)
    },
  )

  it('waits where nothing has to come: a still picture without sound', async () => {
    behaviour = { [H264.replace(',opus', '')]: 'gives nothing' }
    const { lost } = start(new Set(), streamOf(1, 0))
    await vi.advanceTimersByTimeAsync(60_000)
    expect(lost).toEqual([])
  })

  it('ends without being lost, with all that came', async () => {
    behaviour = { [H264]: 'records' }
    const { recording, lost, bytes } = start()
    await vi.advanceTimersByTimeAsync(1_000)
    await recording.stop()
    await vi.advanceTimersByTimeAsync(10_000)
    expect([lost, bytes.length, recording.hasData()]).toEqual([[], 10, true])
  })
})
