import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'

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
}

/** Resolves when `child` is gone and its pipes are closed. Never rejects. */
export function exitOf(child: ChildProcess): Promise<ChildExit> {
  return new Promise((resolve) => {
    child.once('error', (error) => {
      if (child.pid === undefined) resolve({ kind: 'not-started', message: error.message })
    })
    child.once('close', (code, signal) => {
      resolve(signal ? { kind: 'killed', signal } : { kind: 'exited', code: code ?? 1 })
    })
  })
}

/** Starts a program. Every child process but FFmpeg's runs, which fluent-ffmpeg starts, comes from here. */
export function startChild(file: string, args: string[], options: SpawnOptions = {}): Child {
  const child = spawn(file, args, { windowsHide: true, ...options })
  return { process: child, exited: exitOf(child) }
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

/** Asks `child` to end with SIGTERM, and kills it where it is still there after `graceMs`. */
export async function stopChild(child: Child, graceMs: number): Promise<ChildExit> {
  child.process.kill('SIGTERM')
  const timer = setTimeout(() => child.process.kill('SIGKILL'), graceMs)
  try {
    return await child.exited
  } finally {
    clearTimeout(timer)
  }
}
