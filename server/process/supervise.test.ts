import { EventEmitter } from 'node:events'
import { pino } from 'pino'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import type { Child, ChildExit } from './child.ts'
import { timeUntil } from './fake-delay.ts'
import { type Supervised, supervise } from './supervise.ts'

vi.mock('node:timers/promises', () => import('./fake-delay.ts'))

/** A process that runs until it is ended. */
class FakeChild {
  readonly process = Object.assign(new EventEmitter(), {
    pid: 0,
    exitCode: null as number | null,
    signalCode: null as string | null,
    kill: (signal: string) => this.end({ kind: 'killed', signal: signal as NodeJS.Signals }),
  })
  readonly gone: Promise<ChildExit>
  readonly signals: string[] = []
  #resolve: (exit: ChildExit) => void = () => {}

  constructor(pid: number) {
    this.process.pid = pid
    this.gone = new Promise((resolve) => {
      this.#resolve = resolve
    })
  }

  get exited(): Promise<ChildExit> {
    return this.gone
  }

  signal(signal: NodeJS.Signals): void {
    this.signals.push(signal)
    this.end({ kind: 'killed', signal })
  }

  end(exit: ChildExit): boolean {
    if (exit.kind === 'exited') this.process.exitCode ??= exit.code
    if (exit.kind === 'killed') this.process.signalCode ??= exit.signal
    this.#resolve(exit)
    return true
  }
}

let children: FakeChild[]
/** What `ready` does for the children to come, from the next one on; resolves where nothing is said. */
let readiness: (() => Promise<void>)[]
let exits: number
let supervised: Supervised
beforeEach(() => {
  vi.useFakeTimers()
  // The longest waits, so that they can be told.
  vi.spyOn(Math, 'random').mockReturnValue(0)
  children = []
  readiness = []
  exits = 0
})
afterEach(async () => {
  await supervised.close()
  expect(vi.getTimerCount()).toBe(0)
  vi.restoreAllMocks()
  vi.useRealTimers()
})

const start = () =>
  supervise(
    'nginx',
    () => {
      const child = new FakeChild(children.length + 1)
      children.push(child)
      return child as unknown as Child
    },
    () => readiness.shift()?.() ?? Promise.resolve(),
    pino({ level: 'silent' }),
    () => exits++,
  )
const pass = (ms = 0) => vi.advanceTimersByTimeAsync(ms)
const crash = (code = 1) => children.at(-1)?.end({ kind: 'exited', code })

it('starts a program again that has ended, with its group, and says why meanwhile', async () => {
  supervised = await start()
  expect([supervised.problem(), supervised.pid(), supervised.restarts()]).toEqual([null, 1, 0])
  crash(139)
  await pass()
  expect([supervised.problem(), supervised.pid(), exits]).toEqual(['nginx ended with code 139', null, 1])
  // What it had started would hold its ports.
  expect(children[0]?.signals).toEqual(['SIGKILL'])
  await pass(200)
  expect([supervised.problem(), supervised.pid(), supervised.restarts()]).toEqual([null, 2, 1])
})

it('waits longer each time that it does not come back, up to ten seconds, and little again once it did', async () => {
  supervised = await start()
  for (let time = 0; time < 8; time++) readiness.push(() => Promise.reject(new Error('it does not answer')))
  crash()
  const waits: number[] = []
  for (let time = 0; time < 9; time++) {
    const before = children.length
    waits.push(await timeUntil(() => children.length > before))
  }
  expect(waits).toEqual([200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000, 10_000])
  expect(supervised.problem()).toBeNull()
  crash()
  await pass(200)
  expect([children.length, supervised.restarts()]).toEqual([11, 10])
})

it('ends one that hangs, and starts it again', async () => {
  supervised = await start()
  supervised.restart('it does not answer')
  await pass(200)
  expect([children[0]?.signals[0], supervised.pid()]).toEqual(['SIGKILL', 2])
})

it('starts nothing more once it is closed, also where it is waiting to', async () => {
  supervised = await start()
  crash()
  await pass(100)
  await supervised.close()
  await pass(60_000)
  expect([children.length, supervised.pid()]).toEqual([1, null])
})

it('is no program where the first start fails, and leaves no process', async () => {
  readiness.push(() => Promise.reject(new Error('its port is taken')))
  await expect(start()).rejects.toThrow('its port is taken')
  expect(children[0]?.process.signalCode).toBe('SIGTERM')
  supervised = await start()
})
