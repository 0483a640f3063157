import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { StreamStatus } from '../../shared/status.ts'
import type { Method } from './method.ts'
import type { OnStopped } from './playback.ts'
import { PlayerSession, type PlayerState } from './session.ts'
import type { StreamAnswer } from './stream.ts'

const LINKS = { watch: '/watch/x', hls: '/hls/x.m3u8', llHls: '/hls/x/ll.m3u8', flv: '/live/x.flv', whep: '/whep/x' }
const there = (state: StreamStatus['state']): StreamAnswer => ({
  kind: 'there',
  stream: { name: 'x', state, playback: LINKS } as StreamStatus,
})

/** A video that plays at the speed of time while `moves`. */
class FakeVideo {
  currentTime = 0
  readyState = 4
  readonly HAVE_CURRENT_DATA = 2
  paused = true
  muted = false
  /** What `play` is refused with. */
  refusals: Error[] = []
  async play(): Promise<void> {
    const refusal = this.refusals.shift()
    if (refusal) throw refusal
    this.paused = false
  }
}

interface Started {
  method: Method
  flv: string
  stop: OnStopped
  isClosed: boolean
}

let video: FakeVideo
let answer: StreamAnswer
let asked: number
let started: Started[]
let states: string[]
let needsPress: number
let session: PlayerSession
/** How a method behaves: whether anything comes of it, and whether its picture moves. */
let behaviour: Partial<Record<Method, { arrives: boolean; moves: boolean } | 'fails'>>
let kept: Map<string, string>
/** Whether a connection of HTTP is left. */
let hasHttp: boolean

function open(methods: Method[] = ['flv', 'flv-websocket', 'll-hls'], token: string | null = null): void {
  session = new PlayerSession(
    video as unknown as HTMLVideoElement,
    { server: 'https://gateway.example', name: 'x', token },
    methods,
    {
      mayHoldHttp: async () => hasHttp,
      ask: async () => {
        asked++
        return answer
      },
      play: async (method, links, stop) => {
        const how = behaviour[method] ?? { arrives: true, moves: true }
        if (how === 'fails') throw new Error('not loaded')
        const one = { method, flv: links.flv, stop, isClosed: false }
        started.push(one)
        const timer = setInterval(() => {
          if (how.moves && !video.paused && answer.kind === 'there' && answer.stream.state === 'live')
            video.currentTime += 0.1
        }, 100)
        return {
          close() {
            one.isClosed = true
            clearInterval(timer)
          },
          hasArrived: () => how.arrives,
          behindSeconds: () => 0.5,
          toLiveEdge() {},
        }
      },
    },
    {
      onState: (state: PlayerState) => states.push('method' in state ? `${state.kind} ${state.method}` : state.kind),
      onStream: () => {},
      onNeedsPress: () => needsPress++,
    },
  )
}

const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms)
const methodsTried = () => started.map(({ method }) => method)

beforeEach(() => {
  vi.useFakeTimers()
  kept = new Map()
  vi.stubGlobal('localStorage', {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => kept.set(key, value),
  })
  video = new FakeVideo()
  answer = there('live')
  asked = 0
  started = []
  states = []
  needsPress = 0
  behaviour = {}
  hasHttp = true
})
afterEach(async () => {
  session.close()
  await pass(1_000)
  expect(vi.getTimerCount()).toBe(0)
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

describe('a session of the player', () => {
  it('waits for the stream, plays it, and waits for it to come back', async () => {
    answer = { kind: 'absent' }
    open()
    await pass(2_000)
    expect([states, started.length]).toEqual([[], 0])
    answer = there('live')
    await pass(2_000)
    expect(states).toEqual(['starting flv', 'playing flv'])
    answer = { kind: 'absent' }
    await pass(8_000)
    expect(states.slice(2)).toEqual(['interrupted', 'ended'])
    expect(started[0]?.isClosed).toBe(true)
    answer = there('live')
    await pass(4_000)
    expect(states.slice(4)).toEqual(['starting flv', 'playing flv'])
  })

  it('asks an absent stream ever more rarely', async () => {
    answer = { kind: 'absent' }
    open()
    await pass(10_000)
    const early = asked
    await pass(600_000)
    const before = asked
    await pass(60_000)
    expect(early).toBeGreaterThanOrEqual(7)
    expect(asked - before).toBeLessThanOrEqual(6)
  })

  it('says that a link does not let in, and that a gateway does not answer', async () => {
    answer = { kind: 'refused' }
    open()
    await pass(100)
    answer = { kind: 'unreachable' }
    await pass(2_000)
    expect(states).toEqual(['refused', 'unreachable'])
  })

  it('goes to the next method after two seconds without a byte, and remembers the one that played for an hour', async () => {
    behaviour = { flv: { arrives: false, moves: false } }
    open()
    await pass(1_900)
    expect(methodsTried()).toEqual(['flv'])
    await pass(3_000)
    expect(states).toEqual(['starting flv', 'starting flv-websocket', 'playing flv-websocket'])
    session.close()
    started = []
    open()
    await pass(1_000)
    expect(methodsTried()).toEqual(['flv-websocket'])
    session.close()
    await pass(3_600_000)
    started = []
    open()
    await pass(1_000)
    expect(methodsTried()).toEqual(['flv'])
  })

  it('gives a method that brings something eight seconds to its first picture', async () => {
    behaviour = { flv: { arrives: true, moves: false } }
    open()
    await pass(7_500)
    expect(methodsTried()).toEqual(['flv'])
    await pass(3_000)
    expect(methodsTried()).toEqual(['flv', 'flv-websocket'])
    expect(kept.size).toBe(0)
  })

  it('stays with its only method, though nothing comes of it', async () => {
    behaviour = { flv: { arrives: false, moves: false } }
    open(['flv'])
    await pass(7_500)
    expect([methodsTried(), states]).toEqual([['flv'], ['starting flv']])
    await pass(2_000)
    expect(states).toContain('failed')
  })

  it('says that nothing works where no method does, tries again, and waits longer each time up to ten seconds', async () => {
    behaviour = { flv: 'fails', 'flv-websocket': 'fails', 'll-hls': 'fails' }
    open()
    await pass(5_000)
    expect(states).toContain('failed')
    await pass(60_000)
    const before = asked
    await pass(60_000)
    expect(asked - before).toBeGreaterThanOrEqual(5)
    expect(asked - before).toBeLessThanOrEqual(12)
    behaviour = {}
    await pass(12_000)
    expect(states.at(-1)).toMatch(/^playing/)
  })

  it('leaves a method that plays for moments only, after the third time', async () => {
    open()
    for (let time = 0; time < 3; time++) {
      await pass(3_000)
      started.at(-1)?.stop('failed')
      await pass(3_000)
    }
    expect(methodsTried()).toEqual(['flv', 'flv', 'flv', 'flv-websocket'])
  })

  it('fetches anew what stands still while the broadcast is live', async () => {
    open()
    await pass(20_000)
    video.paused = true
    video.readyState = 1
    await pass(20_000)
    expect(states).toContain('interrupted')
    expect(methodsTried().slice(0, 2)).toEqual(['flv', 'flv'])
  })

  it('loads nothing after a long pause, and goes on at a press', async () => {
    open()
    await pass(3_000)
    session.pause()
    await pass(60_000)
    const before = asked
    expect(started[0]?.isClosed).toBe(true)
    await pass(60_000)
    expect(asked).toBe(before)
    session.resume()
    await pass(2_000)
    expect(started).toHaveLength(2)
  })

  it('plays without sound where the browser wants a press for sound, and says where it wants one for the picture', async () => {
    const refusal = () => new DOMException('a press first', 'NotAllowedError')
    video.refusals = [refusal()]
    open()
    await pass(2_000)
    expect([video.muted, needsPress, states.at(-1)]).toEqual([true, 0, 'playing flv'])
    session.close()
    video = new FakeVideo()
    video.refusals = [refusal(), refusal()]
    open()
    await pass(2_000)
    expect([video.muted, needsPress]).toEqual([true, 1])
  })

  it('takes a play that was taken back for no refusal', async () => {
    video.refusals = [new DOMException('loaded anew', 'AbortError')]
    open()
    await pass(1_000)
    expect([video.muted, needsPress]).toEqual([false, 0])
  })

  it('leaves HTTP without an end to others where no connection is left for it, unless it knows no other way', async () => {
    hasHttp = false
    open()
    await pass(1_000)
    session.close()
    open(['flv'])
    await pass(1_000)
    expect(methodsTried()).toEqual(['flv-websocket', 'flv'])
  })

  it('sends the token with each link', async () => {
    open(['flv'], 'a b')
    await pass(500)
    expect(started[0]?.flv).toBe('/live/x.flv?token=a%20b')
  })
})
