import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { hasCode } from './errors.ts'

export type { ChildProcess }

/** How a child process ended, by name. */
export type ChildExit =
  | { kind: 'exited'; code: number }
  | { kind: 'killed'; signal: NodeJS.Signals }
  | { kind: 'not-started'; message: string }

/** A running child process of the gateway. */
export interface Child {
  process: ChildProcess
  /** Resolves when the process is gone and its pipes are read to the end. Never rejects. */
  exited: Promise<ChildExit>
  /** Resolves when the process is gone, though children of its own may still hold its pipes. Never rejects. */
  gone: Promise<ChildExit>
  /** Sends a signal to it, and to its children as well where it leads a group of its own (`detached`). */
  signal(signal: NodeJS.Signals): void
}

/** Resolves when `child` is gone (`exit`), and its pipes are closed (`close`). Never rejects. */
function endOf(child: ChildProcess, event: 'exit' | 'close'): Promise<ChildExit> {
  return new Promise((resolve) => {
    child.once('error', (error) => {
      if (child.pid === undefined) resolve({ kind: 'not-started', message: error.message })
    })
    child.once(event, (code, signal) => {
      resolve(signal ? { kind: 'killed', signal } : { kind: 'exited', code: code ?? 1 })
    })
  })
}

/** Starts a program: every child process comes from here. Where it cannot be started, `exited` says so. */
export function startChild(file: string, args: string[], options: SpawnOptions = {}): Child {
  const child = spawn(file, args, { windowsHide: true, ...options })
  return {
    process: child,
    exited: endOf(child, 'close'),
    gone: endOf(child, 'exit'),
    signal(signal) {
      if (options.detached && child.pid !== undefined) signalGroup(child.pid, signal)
      else child.kill(signal)
    },
  }
}

/** What a short program printed, and how it ended. */
export interface Captured {
  exit: ChildExit
  stdout: string
  stderr: string
}

/** Runs a short program to its end. It is killed after `timeoutMs`. Output over 1 MiB is cut. */
export async function capture(file: string, args: string[], timeoutMs = 10_000): Promise<Captured> {
  const { process: child, exited } = startChild(file, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs)
  try {
    const out = { stdout: '', stderr: '' }
    for (const name of ['stdout', 'stderr'] as const) {
      child[name]?.setEncoding('utf8').on('data', (text: string) => {
        if (out[name].length < 1024 * 1024) out[name] += text
      })
    }
    return { exit: await exited, ...out }
  } finally {
    clearTimeout(timer)
  }
}

/** Asks `child` to end with SIGTERM, and kills it, with its group, where it is still there after `graceMs`. Nothing of its group is left then. */
export async function stopChild(child: Child, graceMs: number): Promise<ChildExit> {
  child.process.kill('SIGTERM')
  const timer = setTimeout(() => child.signal('SIGKILL'), graceMs)
  try {
    const exit = await child.gone
    child.signal('SIGKILL')
    return exit
  } finally {
    clearTimeout(timer)
  }
}

/** Sends a signal to all processes of a group; nothing where there is none (any more). */
export function signalGroup(group: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-group, signal)
  } catch (error) {
    if (!hasCode(error, 'ESRCH')) throw error
  }
}
