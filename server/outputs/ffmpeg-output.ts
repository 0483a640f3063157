import type { Writable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from 'pino'
import type { TargetStatus } from '../../shared/status.ts'
import type { Broadcast, Output } from '../broadcast/broadcast.ts'
import type { Subscription } from '../broadcast/subscription.ts'
import type { FfmpegJob } from '../ffmpeg/job.ts'
import { describe, type FfmpegRun, runFfmpeg, stopFfmpeg } from '../ffmpeg/run.ts'
import { encodeFileHeader } from '../flv/tag.ts'

/** Waits between attempts: doubled from the first to the last, each shortened by up to a half at random. */
const FIRST_RETRY_MS = 500
const LAST_RETRY_MS = 3_000
/** Time after which an output that takes nothing counts as gone: TCP would need many minutes to find out. */
const STALLED_MS = 8_000
/** A run of this length was a success: the next failure starts with the first wait again. */
const SETTLED_MS = 10_000
/** How long an output may take to write the rest and close. */
const CLOSE_MS = 5_000

/** What an output is. */
export interface OutputSpec {
  /** What people call it, in the API and the log. */
  name: string
  ffmpegPath: string
  job: FfmpegJob
  log: Logger
}

/**
 * An output that an FFmpeg of its own writes, fed with FLV from the bus. It joins at a keyframe with the headers first, and
 * when it fails it tries again for as long as the broadcast lasts; nobody else notices.
 */
export function startFfmpegOutput(broadcast: Broadcast, spec: OutputSpec): Output {
  const log = spec.log.child({ stream: broadcast.name, output: spec.name })
  const status: TargetStatus = { name: spec.name, state: 'connecting', lastError: null, bytesOut: 0, reconnects: 0 }
  const closing = new AbortController()
  let overflows = 0
  const done = keepRunning()
  return {
    status: () => ({ ...status }),
    async close() {
      closing.abort()
      await done
    },
  }

  async function keepRunning(): Promise<void> {
    for (let failures = 0; ; failures++) {
      const began = Date.now()
      const end = await runOnce()
      if (end.kind === 'finished') {
        log.info({ bytesOut: status.bytesOut }, 'output closed')
        return
      }
      if (Date.now() - began > SETTLED_MS) failures = 0
      status.state = 'retrying'
      status.lastError = end.message
      status.reconnects++
      const wait = Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** failures) * (1 - Math.random() / 2)
      log.warn({ reason: end.message, retryInMs: Math.round(wait) }, 'output failed')
      if (closing.signal.aborted || !(await pause(wait, closing.signal))) return
    }
  }

  async function runOnce(): Promise<{ kind: 'finished' } | { kind: 'failed'; message: string }> {
    const subscription = broadcast.subscribe()
    overflows = 0
    let deadline: NodeJS.Timeout | undefined
    let hurry = () => {}
    try {
      const run = await runFfmpeg(spec.ffmpegPath, spec.job, { onLine: noticeOpen }, 'info')
      const gone = new AbortController()
      void run.exited.then(() => gone.abort())
      // A target that takes nothing would keep the rest waiting for ever.
      hurry = () => {
        deadline = setTimeout(() => run.kill('SIGKILL'), CLOSE_MS)
      }
      closing.signal.addEventListener('abort', hurry)
      const stalled = await pump(subscription, run, gone.signal)
      if (stalled) {
        run.kill('SIGKILL')
        await run.exited
        return { kind: 'failed', message: `it took nothing for ${STALLED_MS / 1000} s` }
      }
      const byItself = gone.signal.aborted && !closing.signal.aborted
      const exit = await stopFfmpeg(run, CLOSE_MS)
      return byItself ? { kind: 'failed', message: lastLine(exit.message) ?? describe(exit) } : { kind: 'finished' }
    } finally {
      // A target may be tried again for days: nothing of a run may stay.
      closing.signal.removeEventListener('abort', hurry)
      clearTimeout(deadline)
      broadcast.unsubscribe(subscription)
    }
  }

  /** FFmpeg tells its output once it is open: for RTMP, once the server took the stream. */
  function noticeOpen(line: string): void {
    if (!line.startsWith('Output #0') || status.state === 'live') return
    status.state = 'live'
    log.info('output is live')
  }

  function noticeDrops({ dropped }: Subscription): void {
    if (dropped.overflows === overflows) return
    overflows = dropped.overflows
    log.warn({ ...dropped }, 'output is too slow: frames were dropped')
  }

  /** Feeds the run until it or the broadcast ends; whether it was given up because it took nothing any more. */
  async function pump(subscription: Subscription, run: FfmpegRun, gone: AbortSignal): Promise<boolean> {
    run.stdin.write(encodeFileHeader(broadcast.layout))
    for (;;) {
      const batch = await subscription.next(gone)
      if (batch === null) return false
      const bytes = batch.map((tag) => tag.bytes)
      if (!(await write(run.stdin, bytes, gone))) return true
      for (const { length } of bytes) status.bytesOut += length
      noticeDrops(subscription)
    }
  }
}

/** Writes pieces as one, and waits for room where there is none; false where there is none for too long. */
async function write(to: Writable, pieces: Buffer[], gone: AbortSignal): Promise<boolean> {
  to.cork()
  let room = true
  for (const piece of pieces) room = to.write(piece)
  to.uncork()
  if (room || gone.aborted) return true
  return new Promise((resolve) => {
    const settle = (wentOn: boolean) => {
      clearTimeout(timer)
      to.off('drain', goOn)
      gone.removeEventListener('abort', goOn)
      resolve(wentOn)
    }
    const goOn = () => settle(true)
    const timer = setTimeout(() => settle(false), STALLED_MS)
    to.once('drain', goOn)
    gone.addEventListener('abort', goOn)
  })
}

/** Waits; false when `signal` ended it. */
async function pause(ms: number, signal: AbortSignal): Promise<boolean> {
  try {
    await delay(ms, undefined, { signal })
    return true
  } catch {
    return false
  }
}

function lastLine(text: string): string | undefined {
  return text.split('\n').at(-1)
}
