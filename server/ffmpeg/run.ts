import { createInterface } from 'node:readline'
import { Writable } from 'node:stream'
import ffmpeg, { type FfmpegCommand } from 'fluent-ffmpeg'
import { type ChildExit, startChild } from '../process/child.ts'
import { redact } from '../process/redact.ts'
import type { FfmpegJob } from './job.ts'
import { type FfmpegLimits, limited } from './limits.ts'

/** How an FFmpeg run ended. `message` is what FFmpeg said last, without secrets. */
export type FfmpegExit = ChildExit & { message: string }

/** A running FFmpeg. */
export interface FfmpegRun {
  pid: number | undefined
  stdin: Writable
  /** Resolves when the process is gone and all that it wrote was taken. Never rejects. */
  exited: Promise<FfmpegExit>
  /** Sends a signal. */
  kill(signal: NodeJS.Signals): void
}

/** What to do with what FFmpeg says. */
export interface FfmpegHandlers {
  /** Each piece of standard output, where the job's output is `pipe:1`. While a promise of it is open, FFmpeg waits. */
  onOutput?: (bytes: Buffer) => void | Promise<void>
  /** Each line of standard error. */
  onLine?: (line: string) => void
}

const KEPT_LINES = 12
const LINE_LENGTH = 500

/** How an FFmpeg is run. */
export interface FfmpegRunOptions {
  loglevel?: LogLevel
  /** Null for one that works on the user's own machine, for the user alone. */
  limits?: FfmpegLimits | null
}

/** Level of `-loglevel`: `info` tells when an output is open. */
type LogLevel = 'warning' | 'info'

/**
 * Starts FFmpeg (the binary at `path`); fluent-ffmpeg composes its command line. Where it could not be started, `exited` says so: for whatever
 * reason, it ends nothing but this run.
 */
export function runFfmpeg(
  path: string,
  job: FfmpegJob,
  { onOutput, onLine }: FfmpegHandlers = {},
  { loglevel = 'warning', limits = null }: FfmpegRunOptions = {},
): FfmpegRun {
  const { program, before } = limits ? limited(path, limits) : { program: path, before: [] }
  const args = [...before, ...compose(job, loglevel, limits?.threads ?? null)]
  const { process: child, exited } = startChild(program, args, { stdio: 'pipe' })
  const lines: string[] = []
  if (child.stderr) {
    createInterface(child.stderr).on('line', (line) => {
      if (line.trim() !== '') lines.push(line.trim().slice(0, LINE_LENGTH))
      if (lines.length > KEPT_LINES) lines.shift()
      onLine?.(line)
    })
  }
  const output = sink(onOutput)
  const taken = new Promise<void>((done) => output.once('finish', done).once('error', () => done()))
  if (child.stdout) child.stdout.pipe(output)
  else output.end()
  // What is wrong with the output ends this FFmpeg, and nothing else. It may be waiting for someone to read what it wrote.
  output.once('error', () => {
    child.kill('SIGKILL')
    child.stdout?.resume()
  })
  const stdin = child.stdin ?? nowhere()
  // A write to a process that has gone is told by `exited`.
  stdin.on('error', () => {})
  return {
    pid: child.pid,
    stdin,
    exited: exited.then(async (exit): Promise<FfmpegExit> => {
      if (exit.kind !== 'not-started') await taken
      const message = redact(lines.join('\n')) || describe(exit)
      return limits && isNotFound(exit) ? { kind: 'not-started', message } : { ...exit, message }
    }),
    kill: (signal) => void child.kill(signal),
  }
}

/** A run that never was, and why. */
export function notStarted(message: string): FfmpegRun {
  return {
    pid: undefined,
    stdin: nowhere(),
    exited: Promise.resolve({ kind: 'not-started', message }),
    kill: () => {},
  }
}

/**
 * Ends a run: closes its standard input and waits for it to write what it has; after `graceMs` sends SIGTERM, and after a
 * second more SIGKILL.
 */
export async function stopFfmpeg(run: FfmpegRun, graceMs: number): Promise<FfmpegExit> {
  run.stdin.end()
  const term = setTimeout(() => run.kill('SIGTERM'), graceMs)
  const kill = setTimeout(() => run.kill('SIGKILL'), graceMs + 1000)
  try {
    return await run.exited
  } finally {
    clearTimeout(term)
    clearTimeout(kill)
  }
}

/** What an FFmpeg said last, which mostly is why it ended. */
export function lastWords({ message }: FfmpegExit): string {
  return message.split('\n').at(-1) ?? ''
}

/** How an exit reads in a log line. */
export function describe(exit: ChildExit): string {
  switch (exit.kind) {
    case 'exited':
      return `FFmpeg ended with code ${exit.code}`
    case 'killed':
      return `FFmpeg was killed by ${exit.signal}`
    case 'not-started':
      return `FFmpeg did not start: ${exit.message}`
  }
}

/** Whether the shell that sets the limits found no program, or none that it may run (POSIX, 2.8.2): FFmpeg has no such code. */
function isNotFound(exit: ChildExit): boolean {
  return exit.kind === 'exited' && (exit.code === 126 || exit.code === 127)
}

/** `threads`: of decoders and encoders; null for as many as FFmpeg likes. */
function compose(job: FfmpegJob, loglevel: LogLevel, threads: number | null): string[] {
  const bound = threads === null ? [] : ['-threads', `${threads}`]
  const command = ffmpeg().input(job.input)
  // As single arguments: fluent-ffmpeg would split those of an array at a space.
  command.inputOptions('-hide_banner', '-nostats', '-loglevel', loglevel, ...bound, ...job.inputOptions)
  command.output(job.output).outputOptions(...bound, ...job.outputOptions)
  return argumentsOf(command)
}

/**
 * The arguments that fluent-ffmpeg composes, which its types leave out. Its own start of the process throws where there is no file descriptor left,
 * in a callback that nobody can catch (2.1.3, processor.js), and checks what FFmpeg can do with two processes for each run.
 */
function argumentsOf(command: FfmpegCommand): string[] {
  if ('_getArguments' in command && typeof command._getArguments === 'function') return command._getArguments()
  throw new Error('fluent-ffmpeg composes no arguments.')
}

function sink(onOutput: FfmpegHandlers['onOutput']): Writable {
  return new Writable({
    write(bytes: Buffer, _, done) {
      try {
        const taken = onOutput?.(bytes)
        if (taken instanceof Promise) taken.then(() => done(), done)
        else done()
      } catch (error) {
        done(error instanceof Error ? error : new Error(String(error)))
      }
    },
  })
}

/** A stdin for a process that never was. */
function nowhere(): Writable {
  return new Writable({ write: (_, __, done) => done(new Error('FFmpeg is not running.')) }).on('error', () => {})
}
