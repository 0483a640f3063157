import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { TokenSource } from './token.ts'
import { Uplink, type UplinkEnd } from './uplink.ts'

const URL_ = 'ws://gateway.example/ingest/cam'

/** The browser's side of a socket whose other side is the test. */
class FakeSocket extends EventTarget {
  static readonly OPEN = 1
  static all: FakeSocket[] = []
  readonly sent: unknown[] = []
  readonly bufferedAmount = 0
  readyState = 0
  constructor() {
    super()
    FakeSocket.all.push(this)
  }
  send(frame: unknown): void {
    this.sent.push(frame)
  }
  close(): void {
    this.readyState = 3
  }
  /** What a server does. */
  open(): void {
    this.readyState = 1
    this.dispatchEvent(new Event('open'))
  }
  says(message: object): void {
    this.dispatchEvent(Object.assign(new Event('message'), { data: JSON.stringify(message) }))
  }
  lose(code: number): void {
    this.readyState = 3
    this.dispatchEvent(Object.assign(new Event('close'), { code }))
  }
  /** The types of the messages that were sent. */
  get types(): string[] {
    return this.sent.map((frame) =>
      typeof frame === 'string' ? (JSON.parse(frame) as { type: string }).type : 'chunk',
    )
  }
}

const WELCOME = {
  type: 'welcome',
  session: 'the-session',
  next: 0,
  epoch: null,
  limits: { chunkBytes: 1000, resumeSeconds: 30, windowBytes: 10_000 },
  playback: { watch: 'w', hls: 'h', llHls: 'l', flv: 'f' },
}

beforeEach(() => {
  vi.useFakeTimers()
  vi.stubGlobal('WebSocket', FakeSocket)
  const target = new EventTarget()
  vi.stubGlobal('addEventListener', target.addEventListener.bind(target))
  vi.stubGlobal('removeEventListener', target.removeEventListener.bind(target))
  FakeSocket.all = []
})
afterEach(async () => {
  await settle()
  const left = vi.getTimerCount()
  vi.useRealTimers()
  vi.unstubAllGlobals()
  // Nothing that has ended leaves a timer behind.
  expect(left).toBe(0)
})

/** Lets all that is due now happen. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await vi.advanceTimersByTimeAsync(0)
}

function start(token: TokenSource | null = null, session: string | null = null) {
  const ends: UplinkEnd[] = []
  const told: string[] = []
  const tell = (what: string) => () => void told.push(what)
  const uplink = new Uplink(
    URL_,
    { token, session },
    {
      onConnected: tell('connected'),
      onInterrupted: tell('interrupted'),
      onRestart: tell('restart'),
      onSessionLost: tell('session lost'),
      onAcknowledged: tell('acknowledged'),
      onStatus: tell('status'),
      onEnd: (end) => ends.push(end),
    },
  )
  return { uplink, ends, told }
}

/** The latest socket, once it is there. */
async function socket(): Promise<FakeSocket> {
  await settle()
  const last = FakeSocket.all.at(-1)
  if (!last) throw new Error('No socket was opened.')
  return last
}

/** An uplink that is live, and its socket. */
async function live() {
  const started = start()
  const open = await socket()
  open.open()
  open.says(WELCOME)
  started.uplink.startEpoch({ at: 0, mimeType: 'video/webm' })
  started.uplink.push(new Uint8Array(10))
  return { ...started, open }
}

describe('an uplink that is stopped', () => {
  it('in the tick in which it was started never opens a socket', async () => {
    const { uplink, ends } = start()
    uplink.abort()
    expect(ends).toEqual([{ kind: 'ended' }])
    await vi.advanceTimersByTimeAsync(60_000)
    expect(FakeSocket.all).toEqual([])
  })

  it('before its socket is open closes it', async () => {
    const { uplink, ends } = start()
    const opening = await socket()
    uplink.abort()
    expect([ends, opening.readyState]).toEqual([[{ kind: 'ended' }], 3])
    opening.open()
    expect(opening.sent).toEqual([])
  })

  it('between hello and welcome waits for the welcome, and ends the session', async () => {
    const { uplink, ends, told } = start()
    const open = await socket()
    open.open()
    uplink.abort()
    expect([open.types, ends]).toEqual([['hello'], []])
    open.says(WELCOME)
    expect(open.types).toEqual(['hello', 'end'])
    open.says({ type: 'ended' })
    open.lose(1000)
    expect([ends, told]).toEqual([[{ kind: 'ended' }], ['connected']])
    await vi.advanceTimersByTimeAsync(60_000)
    expect(FakeSocket.all).toHaveLength(1)
  })

  it.each([
    ['never comes', () => {}],
    [
      'is a refusal',
      (open: FakeSocket) => {
        open.says({ type: 'error', code: 'name_taken', message: 'No.' })
        open.lose(4409)
      },
    ],
    ['is lost with the connection', (open: FakeSocket) => open.lose(1006)],
  ])('where the welcome %s, ends in a bounded time and tries nothing more', async (_, happen) => {
    const { uplink, ends } = start()
    const open = await socket()
    open.open()
    uplink.abort()
    happen(open)
    await vi.advanceTimersByTimeAsync(3_250)
    expect(ends).toEqual([{ kind: 'ended' }])
    await vi.advanceTimersByTimeAsync(60_000)
    expect(FakeSocket.all).toHaveLength(1)
  })

  it('before it has taken up a session again goes on until the server has ended that', async () => {
    const { uplink, ends } = start(null, 'from-before')
    uplink.abort()
    const open = await socket()
    open.open()
    open.says({ ...WELCOME, session: 'from-before', next: 7, epoch: 2 })
    expect(open.types).toEqual(['hello', 'end'])
    open.lose(1000)
    expect(ends).toEqual([{ kind: 'ended' }])
  })

  it('while it reconnects brings the rest, and ends where no server answers', async () => {
    const { uplink, ends, open } = await live()
    open.lose(1006)
    uplink.end()
    await vi.advanceTimersByTimeAsync(500)
    const again = await socket()
    again.open()
    again.says({ ...WELCOME })
    expect(again.types).toEqual(['hello', 'epoch', 'chunk', 'end'])
    again.says({ type: 'ack', next: 1 })
    again.lose(1006)
    for (let second = 0; second < 60; second++) {
      FakeSocket.all.at(-1)?.lose(1006)
      await vi.advanceTimersByTimeAsync(1_000)
    }
    expect(ends).toEqual([{ kind: 'unreachable' }])
  })

  it('ends where the server takes nothing, and as long as it takes something it does not', async () => {
    const { uplink, ends, open } = await live()
    uplink.push(new Uint8Array(5_000))
    uplink.end()
    const signs = setInterval(() => open.says({ type: 'pong' }), 1_000)
    for (let next = 1; next <= 3; next++) {
      await vi.advanceTimersByTimeAsync(40_000)
      open.says({ type: 'ack', next })
      expect(ends).toEqual([])
    }
    await vi.advanceTimersByTimeAsync(45_250)
    clearInterval(signs)
    expect(ends).toEqual([{ kind: 'unreachable' }])
  })
})

describe('an uplink to a name of this page that is just being given up', () => {
  it('waits for the end of the other, and then opens at once', async () => {
    const { uplink, open } = await live()
    uplink.announceEnd()
    const second = start()
    await vi.advanceTimersByTimeAsync(2_000)
    expect(FakeSocket.all).toHaveLength(1)
    uplink.end()
    open.lose(1000)
    await settle()
    expect(FakeSocket.all).toHaveLength(2)
    second.uplink.abort()
  })

  it('waits no longer than 10 s, and not at all once it is stopped itself', async () => {
    const { uplink, open } = await live()
    uplink.end()
    const [stopped, second] = [start(), start()]
    stopped.uplink.abort()
    const signs = setInterval(() => open.says({ type: 'pong' }), 1_000)
    await vi.advanceTimersByTimeAsync(9_000)
    expect(FakeSocket.all).toHaveLength(1)
    await vi.advanceTimersByTimeAsync(1_000)
    expect(FakeSocket.all).toHaveLength(2)
    clearInterval(signs)
    second.uplink.abort()
    open.lose(1000)
  })
})

describe('a function that gives a token', () => {
  it('has 10 s and a signal; then it is asked again, and what it gives late is not used', async () => {
    const signals: AbortSignal[] = []
    const answers: ((token: string) => void)[] = []
    const { uplink, ends } = start((signal) => {
      signals.push(signal)
      return new Promise((resolve) => answers.push(resolve))
    })
    await vi.advanceTimersByTimeAsync(9_999)
    expect(signals.map(({ aborted }) => aborted)).toEqual([false])
    await vi.advanceTimersByTimeAsync(1_000)
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, false])
    answers[0]?.('late')
    await settle()
    expect(FakeSocket.all).toEqual([])
    answers[1]?.('good')
    const open = await socket()
    open.open()
    expect(JSON.parse(String(open.sent[0]))).toMatchObject({ token: 'good' })
    open.says({ type: 'error', code: 'forbidden', message: 'No.' })
    open.lose(4403)
    expect(ends).toMatchObject([{ kind: 'refused', code: 'forbidden', message: 'No.' }])
    expect(uplink.session).toBeNull()
  })

  it('that never answers ends the uplink in a bounded time, in words', async () => {
    const { ends } = start(() => new Promise(() => {}))
    await vi.advanceTimersByTimeAsync(60_000)
    expect(ends).toEqual([
      { kind: 'refused', code: 'token_timeout', message: expect.stringContaining('none within 10 s') },
    ])
  })

  it('that never answers after a cut does not keep the end', async () => {
    let isFirst = true
    const give = () => {
      if (!isFirst) return new Promise<string>(() => {})
      isFirst = false
      return 'first'
    }
    const { uplink, ends } = start(give)
    const open = await socket()
    open.open()
    open.says(WELCOME)
    open.lose(1006)
    await vi.advanceTimersByTimeAsync(1_000)
    uplink.end()
    await vi.advanceTimersByTimeAsync(45_250)
    expect(ends).toHaveLength(1)
    expect(FakeSocket.all).toHaveLength(1)
  })

  it('is told at once that nobody waits for it when the uplink is stopped', async () => {
    let signal: AbortSignal | null = null
    const { uplink, ends } = start((given) => {
      signal = given
      return new Promise(() => {})
    })
    await settle()
    uplink.abort()
    expect(ends).toEqual([{ kind: 'ended' }])
    expect((signal as AbortSignal | null)?.aborted).toBe(true)
  })

  it.each([
    [
      'throws',
      () => {
        throw new Error('not logged in')
      },
      'not logged in',
    ],
    ['rejects', () => Promise.reject(new Error('not logged in')), 'not logged in'],
    ['gives no text', () => undefined as unknown as string, 'is no text'],
  ])('that %s ends an uplink that was never connected, with its words', async (_, give, words) => {
    const { ends } = start(give)
    await settle()
    expect(ends).toEqual([{ kind: 'refused', code: 'unauthorized', message: expect.stringContaining(words) }])
  })
})
