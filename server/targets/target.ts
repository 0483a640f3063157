import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from 'pino'
import { backoff } from '../../shared/backoff.ts'
import { GatewayError } from '../../shared/errors.ts'
import type { TargetSource, TargetState, TargetStatus } from '../../shared/status.ts'
import type { Broadcast, Output } from '../broadcast/broadcast.ts'
import { framesIn, type Subscription } from '../broadcast/subscription.ts'
import type { BusTag } from '../flv/gop-cache.ts'
import { isFrameKind } from '../flv/tag.ts'

/** The first wait before it is tried again: doubled from there on, each shortened by up to a half at random. */
const MIN_RETRY_DELAY_MS = 500
/** So many frames that were dropped at once are worth a line in the log: a second of them. */
const FRAMES_TO_TELL = 30

/** A connection of this length was a success: the next failure starts with the first wait again. */
const SETTLED_MS = 10_000
/** How long a target may still take to be connected to when the broadcast has ended. */
const CONNECT_GRACE_MS = 2_000
/** How long a target may take to write the rest and close. */
const CLOSE_MS = 5_000

/** How a target is reached: RTMP, or what a test has in its place. */
export interface TargetProtocol {
  /**
   * Looks the host up, connects and publishes, each time anew.
   * @throws GatewayError `forbidden` where it makes no sense to try again, any other error where it does
   */
  connect(signal: AbortSignal): Promise<TargetConnection>
}

/** A target that takes tags. */
export interface TargetConnection {
  /** False where it took nothing for too long, or has ended. */
  write(tags: readonly BusTag[], gone: AbortSignal): Promise<boolean>
  /** Bytes that left. */
  readonly bytesOut: number
  /** Bytes that the other end has acknowledged. */
  readonly deliveredBytes: number
  /** Why it ended by itself, in words. Never rejects. */
  readonly ended: Promise<string>
  /** Lets what was written go out for at most `graceMs`, and ends it. Never rejects. */
  close(graceMs: number): Promise<void>
}

/** What a target is. */
export interface TargetSpec {
  /** Tells it from the others of a broadcast. */
  id: string
  /** What people call it, in the API and the log. */
  name: string
  /** The host that it goes to; null where that is the gateway's own RTMP server. */
  host: string | null
  addedBy: TargetSource
  /** What must not stand in an error: servers repeat what they were sent. */
  secrets: readonly string[]
  log: Logger
  /** The longest wait before it is tried again. */
  maxRetryDelayMs: number
  /** Its state has changed. */
  onState(status: TargetStatus): void
}

/** A target that can be paused, gone on with and tried again at once. */
export interface Target extends Output {
  readonly id: string
  status(): TargetStatus
  pause(): void
  /** Goes on after a pause, or after a failure without waiting. */
  retry(): void
}

/** How a connection ended. */
type End =
  | { kind: 'stopped' }
  | { kind: 'anew' }
  | { kind: 'failed'; message: string }
  | { kind: 'refused'; message: string }

/**
 * Pushes a broadcast somewhere: from a keyframe on, with the headers first. When that fails it is tried again for as long as the broadcast lasts; where the
 * broadcast gets or loses its picture, it is begun anew. Nobody else notices.
 */
export function startTarget(broadcast: Broadcast, spec: TargetSpec, protocol: TargetProtocol): Target {
  const { id, name, host, addedBy } = spec
  const log = spec.log.child({ ...broadcast.logFields, target: name })
  const status: TargetStatus = {
    ...{ id, name, host, addedBy, state: 'connecting', lastError: null },
    ...{ bytesOut: 0, deliveredBytes: 0, droppedFrames: 0, reconnects: 0, liveSince: null },
  }
  const closing = new AbortController()
  /** Ends the current connection, or the wait before the next one. */
  let interruption = new AbortController()
  let isPaused = false
  /** What was dropped in this connection, as far as it was noticed. */
  let noticed = { overflows: 0, frames: 0 }
  let current: TargetConnection | null = null
  const done = keepPushing()
  return {
    id,
    status: told,
    pause() {
      isPaused = true
      interruption.abort()
    },
    retry() {
      if (!isPaused && (status.state === 'live' || status.state === 'connecting')) return
      isPaused = false
      interruption.abort()
    },
    async close() {
      closing.abort()
      interruption.abort()
      await done
    },
  }

  function told(): TargetStatus {
    const { bytesOut, deliveredBytes } = status
    return {
      ...status,
      bytesOut: bytesOut + (current?.bytesOut ?? 0),
      deliveredBytes: deliveredBytes + (current?.deliveredBytes ?? 0),
    }
  }

  function enter(state: TargetState): void {
    if (status.state === state) return
    status.state = state
    status.liveSince = state === 'live' ? new Date().toISOString() : null
    spec.onState(told())
  }

  async function keepPushing(): Promise<void> {
    for (let failures = 0; !closing.signal.aborted; ) {
      interruption = new AbortController()
      if (isPaused) {
        enter('paused')
        log.info('target is paused')
        await aborted(interruption.signal)
        continue
      }
      if (status.state !== 'retrying') enter('connecting')
      const began = performance.now()
      const end = await pushOnce(interruption.signal)
      if (end.kind === 'stopped' || end.kind === 'anew') {
        failures = 0
        continue
      }
      if (performance.now() - began > SETTLED_MS) failures = 0
      const wait = end.kind === 'refused' ? null : waitAfter(failures++)
      status.lastError = spec.secrets.reduce((text, secret) => text.replaceAll(secret, '…'), end.message)
      if (wait !== null) status.reconnects++
      log.warn({ reason: status.lastError, retryInMs: wait }, 'target failed')
      enter(wait === null ? 'failed' : 'retrying')
      if (!(await pause(wait, interruption.signal))) failures = 0
    }
    log.info({ bytesOut: told().bytesOut }, 'target closed')
  }

  function waitAfter(failures: number): number {
    return backoff(failures, { minMs: MIN_RETRY_DELAY_MS, maxMs: spec.maxRetryDelayMs })
  }

  async function pushOnce(stop: AbortSignal): Promise<End> {
    // What comes while it connects is for it as well.
    const subscription = broadcast.subscribe()
    noticed = { overflows: 0, frames: 0 }
    const patience = new AbortController()
    let deadline: NodeJS.Timeout | undefined
    // A broadcast may be over sooner than a server answers: it gets that one all the same.
    const hurry = () => {
      if (isPaused) patience.abort()
      else deadline = setTimeout(() => patience.abort(), CONNECT_GRACE_MS)
    }
    stop.addEventListener('abort', hurry)
    try {
      current = await protocol.connect(patience.signal)
    } catch (error) {
      broadcast.unsubscribe(subscription)
      if (stop.aborted) return { kind: 'stopped' }
      // Also where this machine has no room or no sockets: the broadcast and its other outputs go on.
      const message = error instanceof Error ? error.message : String(error)
      return { kind: error instanceof GatewayError && error.code === 'forbidden' ? 'refused' : 'failed', message }
    } finally {
      stop.removeEventListener('abort', hurry)
      clearTimeout(deadline)
    }
    try {
      return await push(subscription, current, stop)
    } finally {
      status.bytesOut += current.bytesOut
      status.deliveredBytes += current.deliveredBytes
      current = null
    }
  }

  async function push(subscription: Subscription, connection: TargetConnection, stop: AbortSignal): Promise<End> {
    const gone = new AbortController()
    let failure: string | null = null
    void connection.ended.then((reason) => {
      failure = reason
      gone.abort()
    })
    let deadline: NodeJS.Timeout | undefined
    // What is queued is still written, but a target that takes nothing would keep the rest waiting for ever.
    const finish = () => {
      broadcast.unsubscribe(subscription)
      deadline = setTimeout(() => gone.abort(), CLOSE_MS)
    }
    if (stop.aborted) finish()
    stop.addEventListener('abort', finish)
    log.info('target is live')
    enter('live')
    try {
      const end = await pump(subscription, connection, gone.signal)
      if (stop.aborted) return { kind: 'stopped' }
      if (end === 'tracks') {
        log.info('target begins anew: the broadcast has other tracks now')
        return { kind: 'anew' }
      }
      subscription.discard()
      return { kind: 'failed', message: failure ?? 'it took nothing any more' }
    } finally {
      noticeDrops(subscription)
      // A target may be tried again for days: nothing of a connection may stay.
      stop.removeEventListener('abort', finish)
      clearTimeout(deadline)
      broadcast.unsubscribe(subscription)
      await connection.close(gone.signal.aborted ? 0 : CLOSE_MS)
    }
  }

  function noticeDrops({ dropped }: Subscription): void {
    status.droppedFrames += dropped.frames - noticed.frames
    const isNew = dropped.overflows > noticed.overflows || dropped.frames - noticed.frames >= FRAMES_TO_TELL
    noticed = { ...dropped }
    if (!isNew) return
    log.warn({ ...dropped }, 'target is too slow: frames were dropped')
  }

  /**
   * Feeds the connection until it or the broadcast ends (`over`), it takes nothing any more (`stalled`), or the broadcast has a picture and had none
   * (`tracks`): a server that was told of one kind of track does not look for the other.
   */
  async function pump(
    subscription: Subscription,
    connection: TargetConnection,
    gone: AbortSignal,
  ): Promise<'over' | 'stalled' | 'tracks'> {
    const { video: hasPicture } = broadcast.carried
    // What was kept of the current group of pictures may be too large to be there.
    let hasBegun = !hasPicture
    for (;;) {
      const batch = await subscription.next(gone)
      if (batch === null) return 'over'
      if (!hasPicture && batch.some(({ kind }) => kind === 'keyframe')) return 'tracks'
      const tags = hasBegun ? batch : fromKeyframe(batch)
      hasBegun ||= tags.some(({ kind }) => kind === 'keyframe')
      if (!(await connection.write(tags, gone))) {
        subscription.dropped.frames += framesIn(batch)
        return 'stalled'
      }
      noticeDrops(subscription)
    }
  }
}

/** Of tags that come before or with the first keyframe: the headers, and what follows the keyframe. */
function fromKeyframe(tags: readonly BusTag[]): BusTag[] {
  const at = tags.findIndex(({ kind }) => kind === 'keyframe')
  return tags.filter(({ kind }, index) => (at >= 0 && index >= at) || !isFrameKind(kind))
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
