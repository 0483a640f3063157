import type { PlaybackLinks, StreamStatus } from '../shared/status.ts'
import type { Quality } from './record/quality.ts'
import { type Recording, startRecording } from './record/recorder.ts'
import { Uplink, type UplinkEnd } from './uplink/uplink.ts'

/** Most bytes that wait for the server; above, the broadcast ends. About three minutes of 2.5 Mbit/s. */
const SPOOL_LIMIT_BYTES = 64 * 1024 * 1024
/** Over how long the bitrate is measured. */
const BITRATE_WINDOW_MS = 4_000

/** What a broadcaster does now. */
export type BroadcasterState =
  | { kind: 'idle' }
  /** Asking the server for the name. */
  | { kind: 'connecting' }
  /** `since` is the time of the first recorded byte, as of `performance.now()`. */
  | { kind: 'live'; since: number }
  /** The connection was lost; what is recorded is kept, and sent when it is back. */
  | { kind: 'reconnecting'; since: number }
  /** Sending the rest. */
  | { kind: 'ending' }
  | { kind: 'ended' }
  /** `code` is a protocol error code, or `unreachable`, `recorder_failed`, `spool_full`. */
  | { kind: 'failed'; code: string; message: string }

/** Figures of a broadcast. */
export interface BroadcasterStats {
  /** Recorded bits a second, over the last seconds. */
  bitsPerSecond: number
  /** Bytes that the server has not acknowledged. */
  unacknowledgedBytes: number
  /** What the server says, about once a second; null before the first time. */
  server: StreamStatus | null
  /** The links to share; null before the server took the stream. */
  playback: PlaybackLinks | null
}

/** Where and as what to broadcast. */
export interface BroadcasterOptions {
  /** Base URL of the gateway, such as `https://live.example.org`. */
  server: string
  /** The stream name. */
  stream: string
  token?: string
}

/**
 * Broadcasts a MediaStream: records it, and brings what is recorded to a gateway. It is used once: `start`, then `stop`. It tells
 * each change of state with a `statechange` event.
 */
export class Broadcaster extends EventTarget {
  readonly #options: BroadcasterOptions
  #state: BroadcasterState = { kind: 'idle' }
  #uplink: Uplink | null = null
  #recording: Recording | null = null
  #source: { stream: MediaStream; quality: Quality } | null = null
  #server: StreamStatus | null = null
  #playback: PlaybackLinks | null = null
  #firstEpochAt: number | null = null
  #recent: { at: number; bytes: number }[] = []

  constructor(options: BroadcasterOptions) {
    super()
    this.#options = options
  }

  get state(): BroadcasterState {
    return this.#state
  }

  get stats(): BroadcasterStats {
    const now = performance.now()
    this.#recent = this.#recent.filter(({ at }) => now - at < BITRATE_WINDOW_MS)
    const bytes = this.#recent.reduce((sum, piece) => sum + piece.bytes, 0)
    const span = Math.min(BITRATE_WINDOW_MS, Math.max(1, now - (this.#firstEpochAt ?? now)))
    return {
      bitsPerSecond: (bytes * 8 * 1000) / span,
      unacknowledgedBytes: this.#uplink?.unacknowledgedBytes ?? 0,
      server: this.#server,
      playback: this.#playback,
    }
  }

  /**
   * Asks the gateway for the stream name, and records `stream` once it took it.
   * @throws Error when it was started before
   */
  start(stream: MediaStream, quality: Quality): void {
    if (this.#state.kind !== 'idle') throw new Error('A Broadcaster is started once. Make another one.')
    this.#source = { stream, quality }
    this.#become({ kind: 'connecting' })
    const url = `${this.#options.server.replace(/^http/, 'ws').replace(/\/+$/, '')}/ingest/${this.#options.stream}`
    this.#uplink = new Uplink(url, this.#options.token ?? null, {
      onConnected: (playback) => this.#connected(playback),
      onInterrupted: () => {
        if (this.#state.kind === 'live') this.#become({ kind: 'reconnecting', since: this.#state.since })
      },
      onRestart: () => void this.#restart(),
      onStatus: (status) => {
        this.#server = status
      },
      onEnd: (end) => this.#ended(end),
    })
  }

  /** Ends the broadcast; resolves when the server has everything, or cannot have it any more. Idempotent. */
  async stop(): Promise<void> {
    switch (this.#state.kind) {
      case 'idle':
        return this.#become({ kind: 'ended' })
      case 'connecting':
        return this.#uplink?.abort()
      case 'live':
      case 'reconnecting':
        this.#become({ kind: 'ending' })
        await this.#recording?.stop()
        this.#uplink?.end()
        return this.#untilOver()
      case 'ending':
        return this.#untilOver()
    }
  }

  #connected(playback: PlaybackLinks): void {
    this.#playback = playback
    if (this.#state.kind === 'connecting') {
      this.#record()
      if (this.#firstEpochAt !== null) this.#become({ kind: 'live', since: this.#firstEpochAt })
    } else if (this.#state.kind === 'reconnecting') this.#become({ kind: 'live', since: this.#state.since })
  }

  /** Starts a recording: the next epoch. */
  #record(): void {
    const { stream, quality } = this.#source ?? {}
    if (!stream || !quality) return
    try {
      const recording = startRecording(stream, quality, {
        onData: (bytes) => this.#recorded(bytes),
        onLost: (message) => this.#lostSource(message),
      })
      const now = performance.now()
      this.#firstEpochAt ??= now
      this.#recording = recording
      this.#uplink?.startEpoch({
        at: Math.round(now - this.#firstEpochAt),
        mimeType: recording.mimeType,
        videoBitsPerSecond: quality.videoBitsPerSecond,
        frameRate: quality.frameRate,
      })
    } catch (error) {
      this.#fail('recorder_failed', error instanceof Error ? error.message : String(error))
    }
  }

  async #restart(): Promise<void> {
    await this.#recording?.stop()
    if (this.#state.kind === 'live' || this.#state.kind === 'reconnecting') this.#record()
  }

  #recorded(bytes: Uint8Array): void {
    this.#recent.push({ at: performance.now(), bytes: bytes.byteLength })
    this.#uplink?.push(bytes)
    if ((this.#uplink?.unacknowledgedBytes ?? 0) > SPOOL_LIMIT_BYTES) {
      this.#fail('spool_full', 'The connection is too slow for this quality. Choose a lower one, and broadcast again.')
    }
  }

  /** The source ended by itself: a screen that is no longer shared, a camera that was pulled out, the end of a file. */
  #lostSource(message: string): void {
    if (this.#source?.stream.getTracks().every((track) => track.readyState === 'ended')) {
      void this.stop()
      return
    }
    this.#fail('recorder_failed', `The browser stopped recording: ${message}. Press Broadcast to begin again.`)
  }

  #ended(end: UplinkEnd): void {
    switch (end.kind) {
      case 'ended':
        return this.#finish({ kind: 'ended' })
      case 'refused':
        return this.#finish({ kind: 'failed', code: end.code, message: end.message })
      case 'unreachable': {
        const message = 'The server does not answer. Check the connection, and that the server runs; then try again.'
        return this.#finish({ kind: 'failed', code: 'unreachable', message })
      }
    }
  }

  #fail(code: string, message: string): void {
    this.#finish({ kind: 'failed', code, message })
    this.#uplink?.end()
  }

  #finish(state: BroadcasterState): void {
    if (isOver(this.#state)) return
    this.#become(state)
    void this.#recording?.stop()
  }

  #untilOver(): Promise<void> {
    return new Promise((resolve) => {
      const look = () => {
        if (!isOver(this.#state)) return
        this.removeEventListener('statechange', look)
        resolve()
      }
      this.addEventListener('statechange', look)
      look()
    })
  }

  #become(state: BroadcasterState): void {
    this.#state = state
    this.dispatchEvent(new Event('statechange'))
  }
}

/** Whether nothing follows `state`. */
export function isOver(state: BroadcasterState): boolean {
  return state.kind === 'ended' || state.kind === 'failed'
}
