import { Writable } from 'node:stream'
import ffmpeg, { type FfmpegCommand } from 'fluent-ffmpeg'
import { type ChildExit, type ChildProcess, exitOf } from '../process/child.ts'
import { redact } from '../process/redact.ts'
import type { FfmpegJob } from './job.ts'

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

/** Level of `-loglevel`: `info` tells when an output is open. */
export type LogLevel = 'warning' | 'info'

/**
 * Starts FFmpeg (the binary at `path`) with fluent-ffmpeg, which composes the command line and runs it. It resolves once the
 * process is started, or could not be: then `exited` says so.
 */
export function runFfmpeg(
  path: string,
  job: FfmpegJob,
  { onOutput, onLine }: FfmpegHandlers = {},
  loglevel: LogLevel = 'warning',
): Promise<FfmpegRun> {
  const lines: string[] = []
  const output = job.output === 'pipe:1' ? sink(onOutput) : null
  const command = compose(path, job, loglevel, output)
  command.on('stderr', (line: string) => {
    if (line.trim() !== '') lines.push(line.trim())
    if (lines.length > KEPT_LINES) lines.shift()
    onLine?.(line)
  })
  return new Promise((resolve) => {
    // fluent-ffmpeg tells the end in words; the process itself tells it in numbers. Without a process there are only words.
    command.on('error', (error) => {
      const exited = Promise.resolve({ kind: 'not-started' as const, message: redact(error.message) })
      resolve({ pid: undefined, stdin: nowhere(), exited, kill: () => {} })
    })
    command.on('start', () => {
      const child = childOf(command)
      // fluent-ffmpeg's own listener throws where a process could not be started (2.1.3, `endCB` without rings).
      child.removeAllListeners('error')
      const stdin = child.stdin ?? nowhere()
      // A write to a process that has gone is told by `exited`.
      stdin.on('error', () => {})
      const taken = output ? new Promise((done) => output.once('finish', done).once('error', done)) : null
      const exited = exitOf(child).then(async (exit) => {
        if (exit.kind !== 'not-started') await taken
        return { ...exit, message: redact(lines.join('\n')) || describe(exit) }
      })
      resolve({ pid: child.pid, stdin, exited, kill: (signal) => void child.kill(signal) })
    })
    command.run()
  })
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

function compose(path: string, job: FfmpegJob, loglevel: LogLevel, output: Writable | null): FfmpegCommand {
  const command = ffmpeg({ stdoutLines: 1 }).setFfmpegPath(path).input(job.input)
  // As single arguments: fluent-ffmpeg would split those of an array at a space.
  command.inputOptions('-hide_banner', '-nostats', '-loglevel', loglevel, ...job.inputOptions)
  command.output(output ?? job.output).outputOptions(...job.outputOptions)
  skipCapabilityCheck(command)
  return command
}

/**
 * fluent-ffmpeg's check of what FFmpeg can do costs two processes for each run, and misreads the lists of FFmpeg 7. FFmpeg says
 * itself what it cannot do.
 */
function skipCapabilityCheck(command: FfmpegCommand): void {
  const anyFormat = new Proxy({}, { get: () => ({ canMux: true, canDemux: true }), has: () => true })
  Object.assign(command, {
    availableFormats: (done: (error: null, formats: object) => void) => done(null, anyFormat),
    availableEncoders: (done: (error: null, encoders: object) => void) => done(null, {}),
  })
}

function sink(onOutput: FfmpegHandlers['onOutput']): Writable {
  return new Writable({
    // When its target is destroyed, fluent-ffmpeg kills an FFmpeg that is about to end by itself.
    autoDestroy: false,
    write(bytes: Buffer, _, done) {
      // What is wrong with the output ends this FFmpeg, and nothing else.
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

/** fluent-ffmpeg keeps the process in a property that its types leave out. */
function childOf(command: FfmpegCommand): ChildProcess {
  if ('ffmpegProc' in command && typeof command.ffmpegProc === 'object' && command.ffmpegProc !== null) {
    return command.ffmpegProc as ChildProcess
  }
  throw new Error('fluent-ffmpeg started without a process.')
}
