import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from 'pino'
import { backoff } from '../../shared/backoff.ts'
import { type Child, type ChildExit, stopChild } from './child.ts'

const RETRY = { minMs: 200, maxMs: 10_000 }
const STOP_MS = 1_500

/** A program that is to run for as long as the gateway. */
export interface Supervised {
  /** Why it does not run right now, or null. */
  problem(): string | null
  /** How often it was started again. */
  restarts(): number
  /** Its process; null while there is none. */
  pid(): number | null
  /** Ends it as it is, for the reason in `why`: it is started again. */
  restart(why: string): void
  /** Ends it. */
  close(): Promise<void>
}

/**
 * Starts a program, waits until it is ready, and starts it again whenever it ends, with growing waits.
 * @param onExit called whenever it ended by itself
 * @param ready resolves when the program can be used; rejects where it will never be
 * @throws whatever `ready` rejects with, at the first start
 */
export async function supervise(
  name: string,
  start: () => Child,
  ready: (child: Child) => Promise<void>,
  log: Logger,
  onExit: () => void = () => {},
): Promise<Supervised> {
  const closing = new AbortController()
  let problem: string | null = `${name} is starting`
  let child = start()
  let restarts = 0
  try {
    await ready(child)
  } catch (error) {
    await stopChild(child, STOP_MS)
    throw error
  }
  problem = null
  const running = keepRunning()
  return {
    problem: () => problem,
    restarts: () => restarts,
    pid: () => (isRunning(child) ? (child.process.pid ?? null) : null),
    restart(why) {
      if (!isRunning(child)) return
      log.error({ reason: why }, `${name} is ended, to be started again`)
      child.signal('SIGKILL')
    },
    async close() {
      closing.abort()
      await stopChild(child, STOP_MS)
      await running
    },
  }

  async function keepRunning(): Promise<void> {
    for (let failures = 0; ; ) {
      const exit = await child.gone
      // What it started would hold its ports.
      child.signal('SIGKILL')
      if (closing.signal.aborted) return
      onExit()
      problem = `${name} ${wordsFor(exit)}`
      const wait = backoff(failures++, RETRY)
      log.error({ reason: problem, retryInMs: wait }, `${name} ended by itself`)
      await delay(wait, undefined, { signal: closing.signal }).catch(() => {})
      if (closing.signal.aborted) return
      restarts++
      child = start()
      try {
        await ready(child)
        problem = null
        failures = 0
        log.info(`${name} is back`)
      } catch (error) {
        child.signal('SIGKILL')
        log.error({ err: error }, `${name} did not come back`)
      }
    }
  }
}

function isRunning({ process }: Child): boolean {
  return process.exitCode === null && process.signalCode === null
}

function wordsFor(exit: ChildExit): string {
  switch (exit.kind) {
    case 'exited':
      return `ended with code ${exit.code}`
    case 'killed':
      return `was killed by ${exit.signal}`
    case 'not-started':
      return `did not start: ${exit.message}`
  }
}
