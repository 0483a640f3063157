import type { PlaybackLinks, StreamStatus } from '../shared/status.ts'
import { Adaptation } from './adaptation.ts'
import { type BroadcasterState, type BroadcasterStats, isOver } from './broadcaster-state.ts'
import { type Fitted, fitted, original } from './record/fitted.ts'
import { DEFAULT_QUALITY_ID, type Quality, qualityOf } from './record/quality.ts'
import { type Recording, startRecording } from './record/recorder.ts'
import { cardTrack } from './scene/card.ts'
import { Throughput } from './throughput.ts'
import { type TokenSource, Uplink, type UplinkEnd } from './uplink/uplink.ts'

export type { TokenSource }

/** Most that waits for the server; above, what was never sent is given up. As long as the server waits, it is kept in any case. */
const SPOOL_LIMIT_BYTES = 64 * 1024 * 1024
const SPOOL_LIMIT_SECONDS = 60
/** So often in a minute a recorder that fails is followed by another. */
const MAX_RESTARTS = 5
const RESTARTS_MS = 60_000
/** Tracks that end within so long end together, as at the end of a file. */
const TOGETHER_MS = 200
/** How often the uplink is looked at. */
const OBSERVE_MS = 1_000

/** Where and as what to broadcast. */
export interface BroadcasterOptions {
  /** Base URL of the gateway, such as `https://live.example.org`. */
  server: string
  /** The stream name. */
  stream: string
  /** Where the gateway asks for one: a token, or a function that gives one, which is asked for each connection. */
  token?: TokenSource
  /** What is asked of the recorder: 1280×720, 30 fps, 2.5 Mbit/s where nothing is said. */
  quality?: Quality
  /** What the card says that viewers see where the picture's track ends and the sound goes on: `Camera off` where nothing is said. */
  card?: string
  /** A session to go on with after the page was reloaded: what `resumption` gave before. */
  resume?: Resumption
}

/** What a page keeps to go on with a broadcast after it was reloaded. */
export interface Resumption {
  session: string
  /** When the session's first epoch began, as `Date.now()`. */
  began: number
}

interface Source {
  stream: MediaStream
  /** What was asked for. */
  chosen: Quality
  /** What is recorded: what was asked for, or less. */
  quality: Quality
  /** `stream`, with a picture of that quality. */
  fitted: Fitted
  adaptation: Adaptation
  /** What stands in for the picture of a track that has ended; null while it is not needed. */
  card: MediaStreamTrack | null
}

/** The events of a broadcaster. */
export interface BroadcasterEventMap {
  /** {@link Broadcaster.state} has changed. */
  statechange: Event
  /** The server told how the stream is, about once a second: {@link BroadcasterStats.server}. */
  status: Event
  /**
   * A track of what is broadcast, the `detail`, has ended by itself: its device was unplugged or taken away, or what was shared is over. Where another one
   * is live the broadcast goes on: viewers see a card in the place of a picture, or hear silence, until {@link Broadcaster.replace} brings another stream.
   * Where none is, it ends.
   */
  trackended: CustomEvent<MediaStreamTrack>
}

/**
 * Broadcasts a MediaStream: records it, and brings what is recorded to a gateway. It is used once: `start`, then `stop`; in between,
 * `replace` changes what is broadcast. Events: {@link BroadcasterEventMap}.
 */
export class Broadcaster extends EventTarget {
  declare addEventListener: <K extends keyof BroadcasterEventMap>(
    type: K,
    listener: (event: BroadcasterEventMap[K]) => void,
    options?: AddEventListenerOptions | boolean,
  ) => void
  readonly #options: BroadcasterOptions
  readonly #throughput = new Throughput()
  #state: BroadcasterState = { kind: 'idle' }
  #uplink: Uplink | null = null
  #recording: Recording | null = null
  /** What is recorded of the source. */
  #fitted: Fitted | null = null
  #source: Source | null = null
  #server: StreamStatus | null = null
  #playback: PlaybackLinks | null = null
  #since = 0
  /** When the first epoch of the session began. */
  #sessionBegan: number | null = null
  /** Whether an epoch is open for what the recorder gives; none is after a session was lost. */
  #epochOpen = false
  #secondsLost = 0
  #observedAt = 0
  /** Types that the browser promised and did not record. */
  readonly #failedTypes = new Set<string>()
  /** When recorders failed, by `performance.now()`. */
  #restarts: number[] = []
  /** Epochs begin one after the other, whatever asks for them. */
  #changing: Promise<void> = Promise.resolve()

  constructor(options: BroadcasterOptions) {
    super()
    this.#options = options
  }

  get state(): BroadcasterState {
    return this.#state
  }

  get stats(): BroadcasterStats {
    const now = performance.now()
    return {
      bitsPerSecond: this.#throughput.recordedBits(now),
      ...this.#spool(now),
      secondsLost: this.#secondsLost,
      quality: this.#source?.quality ?? null,
      server: this.#server,
      playback: this.#playback,
    }
  }

  /**
   * Asks the gateway for the stream name, and records `stream` once it took it. The stream stays the caller's to stop.
   * @throws Error when it was started before
   */
  start(stream: MediaStream): void {
    if (this.#state.kind !== 'idle') throw new Error('A Broadcaster is started once. Make another one.')
    this.#take(sourceOf(stream, this.#options.quality ?? qualityOf(DEFAULT_QUALITY_ID)))
    this.#become({ kind: 'connecting' })
    const url = `${this.#options.server.replace(/^http/, 'ws').replace(/\/+$/, '')}/ingest/${this.#options.stream}`
    const { token = null, resume } = this.#options
    if (resume) this.#sessionBegan = performance.now() - (Date.now() - resume.began)
    this.#uplink = new Uplink(
      url,
      { token, session: resume?.session ?? null },
      {
        onConnected: (playback) => this.#connected(playback),
        onInterrupted: () => {
          if (this.#state.kind === 'live') this.#become({ kind: 'reconnecting', since: this.#since })
        },
        onRestart: () => void this.#nextEpoch(),
        onSessionLost: () => {
          // What the server did not acknowledge went with the session.
          this.#secondsLost += Math.round(this.#spool(performance.now()).secondsBehind)
          this.#epochOpen = false
          this.#sessionBegan = null
          // It was told of a broadcast that is no more.
          this.#server = null
          this.#throughput.forget()
        },
        onAcknowledged: () => {
          this.#throughput.acknowledged(performance.now(), this.#uplink?.unacknowledgedBytes ?? 0)
        },
        onStatus: (status) => {
          this.#server = status
          this.dispatchEvent(new Event('status'))
        },
        onEnd: (end) => this.#ended(end),
      },
    )
  }

  /** What to keep for going on after a reload; null while there is nothing to go on with. */
  get resumption(): Resumption | null {
    const session = this.#uplink?.session ?? null
    if (session === null || this.#sessionBegan === null || isOver(this.#state)) return null
    return { session, began: Date.now() - (performance.now() - this.#sessionBegan) }
  }

  /**
   * Goes on with another stream or quality: a new epoch of the same broadcast. Resolves when it has begun.
   * @throws Error before the start
   */
  async replace(stream: MediaStream, quality?: Quality): Promise<void> {
    const chosen = quality ?? this.#source?.chosen
    if (!chosen) throw new Error('start() comes before replace().')
    const before = this.#source
    this.#take(sourceOf(stream, chosen))
    await this.#nextEpoch()
    before?.card?.stop()
  }

  /**
   * Ends the broadcast; resolves when the server has everything, or cannot have it any more: when it takes nothing for 45 s. The name is free for
   * another broadcaster of this page at once. Idempotent.
   */
  async stop(): Promise<void> {
    switch (this.#state.kind) {
      case 'idle':
        return this.#become({ kind: 'ended' })
      case 'connecting':
        this.#become({ kind: 'ending' })
        this.#uplink?.abort()
        return this.#untilOver()
      case 'live':
      case 'reconnecting':
        this.#become({ kind: 'ending' })
        this.#uplink?.announceEnd()
        await this.#changing
        await this.#endRecording()
        this.#uplink?.end()
        return this.#untilOver()
      case 'ending':
        return this.#untilOver()
    }
  }

  #take(source: Source): void {
    this.#source = source
    for (const track of source.stream.getTracks()) {
      track.addEventListener('ended', () => void this.#trackEnded(source, track), { once: true })
    }
  }

  async #trackEnded(source: Source, track: MediaStreamTrack): Promise<void> {
    const goesOn = () => source === this.#source && this.#state.kind !== 'idle' && !isOver(this.#state)
    if (!goesOn()) return
    this.dispatchEvent(new CustomEvent('trackended', { detail: track }))
    await new Promise((resolve) => setTimeout(resolve, TOGETHER_MS))
    // A listener may have brought another stream.
    if (!goesOn()) return
    const left = source.stream.getTracks().filter(({ readyState }) => readyState === 'live')
    if (left.every((one) => one === source.card)) return void this.stop()
    if (track.kind !== 'video') return
    const { width = source.chosen.width, height = source.chosen.height } = track.getSettings()
    const card = cardTrack(this.#options.card ?? 'Camera off', { width, height })
    this.#take({ ...sourceOf(new MediaStream([card, ...left]), source.chosen), card })
    await this.#nextEpoch()
  }

  #connected(playback: PlaybackLinks): void {
    this.#playback = playback
    if (this.#state.kind === 'connecting') {
      this.#since = performance.now()
      this.#record()
    } else if (!this.#epochOpen) void this.#nextEpoch()
    this.#source?.adaptation.reconnected(performance.now())
    if (this.#state.kind === 'connecting' || this.#state.kind === 'reconnecting') {
      this.#become({ kind: 'live', since: this.#since })
    }
  }

  get #isOnAir(): boolean {
    return this.#state.kind === 'live' || this.#state.kind === 'reconnecting'
  }

  /** Ends the recording, and begins another with what the source is now. */
  #nextEpoch(): Promise<void> {
    this.#changing = this.#changing.then(async () => {
      await this.#endRecording()
      if (this.#isOnAir) this.#record()
    })
    return this.#changing
  }

  async #endRecording(): Promise<void> {
    await this.#recording?.stop()
    if (this.#fitted !== this.#source?.fitted || isOver(this.#state)) this.#fitted?.close()
  }

  #record(): void {
    if (!this.#source) return
    const { fitted, quality } = this.#source
    this.#fitted = fitted
    try {
      const recording = startRecording(
        fitted.stream,
        quality,
        {
          onData: (bytes) => this.#recorded(bytes),
          onLost: (message) => this.#lostRecorder(recording, message),
        },
        this.#failedTypes,
      )
      const now = performance.now()
      this.#sessionBegan ??= now
      this.#recording = recording
      this.#epochOpen = true
      this.#uplink?.startEpoch({
        at: Math.round(now - this.#sessionBegan),
        mimeType: recording.mimeType,
        videoBitsPerSecond: quality.videoBitsPerSecond,
        frameRate: quality.frameRate,
      })
    } catch (error) {
      this.#fail('recorder_failed', error instanceof Error ? error.message : String(error))
    }
  }

  #recorded(bytes: Uint8Array): void {
    if (!this.#epochOpen) return
    const now = performance.now()
    this.#uplink?.push(bytes)
    this.#throughput.recorded(now, bytes.byteLength)
    if (this.#spool(now).spoolUsed >= 1) return this.#dropToLive()
    // No timer does this: those of a page that is not seen may come once a minute.
    if (now - this.#observedAt < OBSERVE_MS) return
    this.#observedAt = now
    this.#observe(now)
  }

  #spool(now: number): Pick<BroadcasterStats, 'unacknowledgedBytes' | 'secondsBehind' | 'spoolUsed'> {
    const unacknowledgedBytes = this.#uplink?.unacknowledgedBytes ?? 0
    const secondsBehind = this.#throughput.secondsBehind(now, unacknowledgedBytes)
    const longest = Math.max(SPOOL_LIMIT_SECONDS, this.#uplink?.resumeSeconds ?? 0)
    const spoolUsed = Math.min(1, Math.max(unacknowledgedBytes / SPOOL_LIMIT_BYTES, secondsBehind / longest))
    return { unacknowledgedBytes, secondsBehind, spoolUsed }
  }

  /** What waits is more than may be kept: it is given up at the end of an epoch, and said. */
  #dropToLive(): void {
    const lost = this.#uplink?.dropUnsent() ?? 0
    this.#secondsLost += Math.round((lost * 8) / Math.max(1, this.#throughput.recordedBits(performance.now())))
    this.#throughput.forget()
    this.#epochOpen = false
    void this.#nextEpoch()
  }

  /** Looks how the uplink keeps up, and changes the bitrate where it must. */
  #observe(now: number): void {
    const source = this.#source
    if (this.#state.kind !== 'live' || !source) return
    const unacknowledged = this.#uplink?.unacknowledgedBytes ?? 0
    const quality = source.adaptation.observe({
      now,
      behind: this.#throughput.secondsBehind(now, unacknowledged),
      waiting: unacknowledged * 8,
      capacity: this.#throughput.capacity(now),
      ...this.#throughput.delivery(now, unacknowledged),
    })
    if (quality) void this.#adapt(source, quality)
  }

  /** Goes on in another quality. The recording goes on until there is something to go on with. */
  async #adapt(source: Source, quality: Quality): Promise<void> {
    source.quality = quality
    const made = await (quality === source.chosen ? original : fitted)(source.stream, quality)
    // It was stopped, or broadcasts something else by now.
    if (source !== this.#source || !this.#isOnAir) return made.close()
    source.fitted = made
    await this.#nextEpoch()
  }

  /**
   * A recorder ended by itself. Where all of the source has ended, as at the end of a file, so does the broadcast; otherwise another recorder goes on,
   * with another type where this one gave nothing.
   */
  #lostRecorder(recording: Recording, message: string): void {
    if (recording !== this.#recording || !this.#isOnAir) return
    if (this.#source?.stream.getTracks().every((track) => track.readyState === 'ended')) {
      void this.stop()
      return
    }
    if (!recording.hasData()) this.#failedTypes.add(recording.type)
    const now = performance.now()
    this.#restarts = [...this.#restarts.filter((at) => now - at < RESTARTS_MS), now]
    if (this.#restarts.length <= MAX_RESTARTS) {
      void this.#nextEpoch()
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
    void this.#endRecording().then(() => this.#source?.card?.stop())
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

function sourceOf(stream: MediaStream, quality: Quality): Source {
  const fitted: Fitted = { stream, close() {} }
  return { stream, chosen: quality, quality, fitted, adaptation: new Adaptation(quality), card: null }
}
