import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from 'pino'
import { backoff } from '../../shared/backoff.ts'
import { GatewayError } from '../../shared/errors.ts'
import type { TargetSource, TargetState, TargetStatus } from '../../shared/status.ts'
import type { Broadcast, Output } from '../broadcast/broadcast.ts'
import { framesIn, type Subscription } from '../broadcast/subscription.ts'
import type { FfmpegPurpose, Ffmpegs } from '../ffmpeg/ffmpegs.ts'
import type { FfmpegJob } from '../ffmpeg/job.ts'
import { type FfmpegRun, lastWords, stopFfmpeg } from '../ffmpeg/run.ts'
import { encodeFileHeader } from '../flv/tag.ts'
import { STALLED_MS, write } from './feed.ts'

/** The first wait before it is tried again: doubled from there on, each shortened by up to a half at random. */
const MIN_RETRY_DELAY_MS = 500
/** So many frames that were dropped at once are worth a line in the log: a second of them. */
const FRAMES_TO_TELL = 30

/** A run of this length was a success: the next failure starts with the first wait again. */
const SETTLED_MS = 10_000
/** How long an output may take to write the rest and close. */
const CLOSE_MS = 5_000

/** What an output is. */
export interface OutputSpec {
  /** Tells it from the others of a broadcast. */
  id: string
  /** What people call it, in the API and the log. */
  name: string
  /** The host that it goes to; null where that is the gateway's own RTMP server. */
  host: string | null
  addedBy: TargetSource
  /** What must not stand in an error: servers repeat what they were sent. */
  secrets: readonly string[]
  ffmpegs: Ffmpegs
  log: Logger
  /** The longest wait before it is tried again. */
  maxRetryDelayMs: number
  /**
   * Prepares a run of FFmpeg, each time anew.
   * @throws GatewayError `forbidden` where it makes no sense to try again, any other error where it does
   */
  prepare(): Promise<Attempt>
  /** Its state has changed. */
  onState(status: TargetStatus): void
}

/** One run of FFmpeg for an output. */
export interface Attempt {
  job: FfmpegJob
  /** FFmpeg has opened the output, and needs nothing any more to do so. */
  onOpen(): void
  /** Bytes that have left, where that is known better than what FFmpeg was given. */
  bytesOut(): number | null
  /** What went wrong, where that is known better than FFmpeg tells it. */
  problem(): string | null
  /** Releases what was prepared. Never rejects. */
  release(): Promise<void>
}

/** An output that can be paused, gone on with and tried again at once. */
export interface FfmpegOutput extends Output {
  readonly id: string
  status(): TargetStatus
  pause(): void
  /** Goes on after a pause, or after a failure without waiting. */
  retry(): void
}

/** How a run ended. */
type RunEnd = { kind: 'stopped' } | { kind: 'failed'; message: string } | { kind: 'refused'; message: string }

/**
 * An output that an FFmpeg of its own writes, fed with FLV from the bus. It joins at a keyframe with the headers first, and
 * when it fails it tries again for as long as the broadcast lasts; nobody else notices.
 */
export function startFfmpegOutput(broadcast: Broadcast, spec: OutputSpec): FfmpegOutput {
  const { id, name, host, addedBy } = spec
  const log = spec.log.child({ ...broadcast.logFields, output: name })
  const status: TargetStatus = {
    ...{ id, name, host, addedBy, state: 'connecting', lastError: null },
    ...{ bytesOut: 0, droppedFrames: 0, reconnects: 0, liveSince: null },
  }
  const purpose: FfmpegPurpose = { use: 'push', stream: broadcast.name, name }
  const closing = new AbortController()
  /** Ends the current run, or the wait before the next one. */
  let interruption = new AbortController()
  let paused = false
  /** What was dropped in this run, as far as it was noticed. */
  let noticed = { overflows: 0, frames: 0 }
  /** Bytes of the runs before this one, and what FFmpeg was given in this one. */
  const bytes = { before: 0, given: 0 }
  let current: Attempt | null = null
  const done = keepRunning()
  return {
    id,
    status: told,
    pause() {
      paused = true
      interruption.abort()
    },
    retry() {
      if (!paused && (status.state === 'live' || status.state === 'connecting')) return
      paused = false
      interruption.abort()
    },
    async close() {
      closing.abort()
      interruption.abort()
      await done
    },
  }

  function told(): TargetStatus {
    return { ...status, bytesOut: bytes.before + (current?.bytesOut() ?? bytes.given) }
  }

  function enter(state: TargetState): void {
    if (status.state === state) return
    status.state = state
    status.liveSince = state === 'live' ? new Date().toISOString() : null
    spec.onState(told())
  }

  async function keepRunning(): Promise<void> {
    for (let failures = 0; !closing.signal.aborted; ) {
      interruption = new AbortController()
      if (paused) {
        enter('paused')
        log.info('output is paused')
        await aborted(interruption.signal)
        continue
      }
      if (status.state !== 'retrying') enter('connecting')
      const began = performance.now()
      const end = await runOnce(interruption.signal)
      if (end.kind === 'stopped') {
        failures = 0
        continue
      }
      if (performance.now() - began > SETTLED_MS) failures = 0
      const wait = end.kind === 'refused' ? null : waitAfter(failures++)
      status.lastError = spec.secrets.reduce((text, secret) => text.replaceAll(secret, '…'), end.message)
      if (wait !== null) status.reconnects++
      log.warn({ reason: status.lastError, retryInMs: wait }, 'output failed')
      enter(wait === null ? 'failed' : 'retrying')
      if (!(await pause(wait, interruption.signal))) failures = 0
    }
    log.info({ bytesOut: told().bytesOut }, 'output closed')
  }

  function waitAfter(failures: number): number {
    return backoff(failures, { minMs: MIN_RETRY_DELAY_MS, maxMs: spec.maxRetryDelayMs })
  }

  async function runOnce(stop: AbortSignal): Promise<RunEnd> {
    const preparing = spec.prepare()
    let attempt: Attempt | null
    try {
      attempt = await Promise.race([preparing, aborted(stop).then(() => null)])
    } catch (error) {
      if (error instanceof GatewayError && error.code === 'forbidden')
        return { kind: 'refused', message: error.message }
      // Also where this machine has no room or no sockets: the broadcast and its other outputs go on.
      return { kind: 'failed', message: error instanceof Error ? error.message : String(error) }
    }
    if (attempt === null) {
      void preparing.then((late) => late.release()).catch(() => {})
      return { kind: 'stopped' }
    }
    current = attempt
    try {
      return await run(attempt, stop)
    } finally {
      bytes.before = told().bytesOut
      bytes.given = 0
      current = null
      await attempt.release()
    }
  }

  async function run(attempt: Attempt, stop: AbortSignal): Promise<RunEnd> {
    if (stop.aborted) return { kind: 'stopped' }
    const subscription = broadcast.subscribe()
    noticed = { overflows: 0, frames: 0 }
    let deadline: NodeJS.Timeout | undefined
    let finish = () => {}
    try {
      const ffmpeg = await spec.ffmpegs.run(attempt.job, purpose, { onLine: notice }, 'info')
      const gone = new AbortController()
      void ffmpeg.exited.then(() => gone.abort())
      // What is queued is still written, but a target that takes nothing would keep the rest waiting for ever.
      finish = () => {
        broadcast.unsubscribe(subscription)
        deadline = setTimeout(() => ffmpeg.kill('SIGKILL'), CLOSE_MS)
      }
      if (stop.aborted) finish()
      stop.addEventListener('abort', finish)
      const end = await pump(subscription, ffmpeg, gone.signal)
      if (end === 'stalled') {
        subscription.discard()
        ffmpeg.kill('SIGKILL')
        await ffmpeg.exited
        return { kind: 'failed', message: attempt.problem() ?? `it took nothing for ${STALLED_MS / 1000} s` }
      }
      if (end === 'picture') log.info('output begins anew: the broadcast has a picture now')
      const byItself = gone.signal.aborted && !stop.aborted && end !== 'picture'
      if (byItself) subscription.discard()
      const exit = await stopFfmpeg(ffmpeg, CLOSE_MS)
      if (!byItself) return { kind: 'stopped' }
      return { kind: 'failed', message: attempt.problem() ?? lastWords(exit) }
    } finally {
      noticeDrops(subscription)
      // A target may be tried again for days: nothing of a run may stay.
      stop.removeEventListener('abort', finish)
      clearTimeout(deadline)
      broadcast.unsubscribe(subscription)
    }

    /** FFmpeg tells its output once it is open: for RTMP, once the server took the stream. */
    function notice(line: string): void {
      if (!line.startsWith('Output #0') || status.state === 'live') return
      attempt.onOpen()
      log.info('output is live')
      enter('live')
    }
  }

  function noticeDrops({ dropped }: Subscription): void {
    status.droppedFrames += dropped.frames - noticed.frames
    const isNew = dropped.overflows > noticed.overflows || dropped.frames - noticed.frames >= FRAMES_TO_TELL
    noticed = { ...dropped }
    if (!isNew) return
    log.warn({ ...dropped }, 'output is too slow: frames were dropped')
  }

  /** Feeds the run until it or the broadcast ends (`over`), or takes nothing any more (`stalled`), or there is a picture that it knows nothing of. */
  async function pump(
    subscription: Subscription,
    run: FfmpegRun,
    gone: AbortSignal,
  ): Promise<'over' | 'stalled' | 'picture'> {
    // FFmpeg takes the tracks that it finds at the beginning.
    const { video: hasPicture, audio } = broadcast.carried
    run.stdin.write(encodeFileHeader({ video: hasPicture, audio }))
    for (;;) {
      const batch = await subscription.next(gone)
      if (batch === null) return 'over'
      if (!hasPicture && batch.some(({ kind }) => kind === 'keyframe')) return 'picture'
      const pieces = batch.map((tag) => tag.bytes)
      if (!(await write(run.stdin, pieces, gone))) {
        subscription.dropped.frames += framesIn(batch)
        return 'stalled'
      }
      for (const { length } of pieces) bytes.given += length
      noticeDrops(subscription)
    }
  }
}

/** Waits, for ever where `ms` is null; false when `signal` ended it. */
async function pause(ms: number | null, signal: AbortSignal): Promise<boolean> {
  if (ms === null) return aborted(signal).then(() => false)
  return delay(ms, true, { signal }).catch(() => false)
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
}
