import { backoff } from '../../shared/backoff.ts'
import type { PlaybackLinks, StreamStatus } from '../../shared/status.ts'
import { ASK_MS, askAgainMs } from './ask-again.ts'
import { beginPlaying } from './begin.ts'
import type { Method } from './method.ts'
import type { OnStopped, Playback } from './playback.ts'
import { rememberedMethod, rememberMethod } from './remembered-method.ts'
import { type StreamAddress, type StreamAnswer, withToken } from './stream.ts'

const ASK_WHILE_PLAYING_MS = 5_000

/** How long a method may take to its first picture, and how long a picture may stand still, before something is done, in ms. */
const START_MS = 8_000
const STALL_MS = 1_500

/** A method by which nothing at all came for so long is held back by a network, as HTTP without an end is by some; the next one is tried. */
const HELD_BACK_MS = 2_000

/** A picture that stands still for longer, of a broadcast that is live, is fetched anew, in ms. */
const RESTART_MS = 5_000

/** A broadcast that has come back gets so long to be seen before that, in ms: what waited comes at once. */
const RETURN_MS = 2_000

/** A method that fails again and again within so many ms is left for the next one, and the waits become longer up to a bound. */
const SHORT_MS = 10_000
const MAX_SHORT = 3
const RETRY = { minMs: 250, maxMs: 10_000 }

/** How often progress is looked at, in ms. */
const LOOK_MS = 250

/** What a player does. */
export type PlayerState =
  /** Somebody has to press first: it does not play by itself. */
  | { kind: 'ready' }
  /** The stream is not there yet. */
  | { kind: 'waiting' }
  /** The gateway does not let this viewer in: the link lacks a token, or that is over. */
  | { kind: 'refused' }
  /** The gateway does not answer; it is asked again. */
  | { kind: 'unreachable' }
  | { kind: 'starting'; method: Method }
  | { kind: 'playing'; method: Method }
  /** Its publisher is away, or nothing comes. */
  | { kind: 'interrupted' }
  /** It was there, and is over; the player waits for it to come back. */
  | { kind: 'ended' }
  /** It is there, and this browser plays it in no way; the player tries again. */
  | { kind: 'failed' }

/** What a session asks and plays with. */
export interface PlayerTools {
  /** Whether a connection of HTTP to the gateway may be held until `signal` is aborted: `flv` needs one. */
  mayHoldHttp(signal: AbortSignal): Promise<boolean>
  /** Asks the gateway for the stream. */
  ask(signal: AbortSignal): Promise<StreamAnswer>
  /** Begins to play by `method`. @throws where its player cannot be loaded, or `signal` is aborted */
  play(method: Method, links: PlaybackLinks, onStopped: OnStopped, signal: AbortSignal): Promise<Playback>
}

/** What a player tells. */
export interface PlayerEvents {
  onState(state: PlayerState): void
  /** The stream as the gateway tells it, each time it was asked; null while it is not there. */
  onStream(stream: StreamStatus | null): void
  /** The browser plays nothing before somebody presses. */
  onNeedsPress(): void
}

/** How playing ended. */
type End = 'ended' | 'failed' | 'held-back' | 'no-picture' | 'stood-still' | 'paused'

/**
 * Plays a stream in a video element, for as long as it lasts and whenever it comes: waits for it, takes the first method that works,
 * goes on after interruptions, and tries the next method where one does not work.
 */
export class PlayerSession {
  readonly #video: HTMLVideoElement
  readonly #address: StreamAddress
  #methods: readonly Method[]
  readonly #tools: PlayerTools
  readonly #events: PlayerEvents
  readonly #closing = new AbortController()
  #playback: Playback | null = null
  #state: PlayerState = { kind: 'waiting' }
  /** Index of the method that is tried next. */
  #next = 0
  #hasPlayed = false
  /** Whether a network held back a method: the one that plays then is remembered. */
  #isHeldBack = false
  /** How often it failed soon, one after the other. */
  #failures = 0
  #paused = false
  readonly #resumption = new EventTarget()

  /** `methods` are those that this browser can play, from the one to try first on. */
  constructor(
    video: HTMLVideoElement,
    address: StreamAddress,
    methods: readonly Method[],
    tools: PlayerTools,
    events: PlayerEvents,
  ) {
    this.#video = video
    this.#address = address
    this.#methods = methods
    this.#tools = tools
    this.#events = events
    void this.#run()
  }

  /** Seconds behind what the server has; null where that is not known. */
  behindSeconds(): number | null {
    return this.#playback?.behindSeconds() ?? null
  }

  toLiveEdge(): void {
    this.#playback?.toLiveEdge()
  }

  /** Stops loading, after a person has paused; {@link resume} goes on with what is live then. */
  pause(): void {
    this.#paused = true
  }

  resume(): void {
    this.#paused = false
    this.#resumption.dispatchEvent(new Event('resume'))
  }

  close(): void {
    this.#closing.abort()
    this.#playback?.close()
    this.#playback = null
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing
    if (this.#methods.length > 1 && this.#methods.includes('flv') && !(await this.#tools.mayHoldHttp(signal))) {
      this.#methods = this.#methods.filter((method) => method !== 'flv')
    }
    const remembered = rememberedMethod(this.#address.server)
    if (remembered) this.#next = Math.max(0, this.#methods.indexOf(remembered))
    let waitsSince = performance.now()
    while (!signal.aborted) {
      if (this.#paused) await this.#untilResumed()
      const answer = await this.#tools.ask(signal)
      if (signal.aborted) return
      const stream = answer.kind === 'there' ? answer.stream : null
      this.#events.onStream(stream)
      if (stream?.state === 'live') {
        await this.#playOnce(stream)
        // What ended may also be told as live for a moment yet.
        await this.#pause(backoff(this.#failures, RETRY))
        waitsSince = performance.now()
        continue
      }
      if (answer.kind === 'unreachable' || answer.kind === 'refused') this.#setState({ kind: answer.kind })
      else if (!this.#hasPlayed) this.#setState({ kind: 'waiting' })
      else this.#setState({ kind: answer.kind === 'absent' ? 'ended' : 'interrupted' })
      await this.#pause(askAgainMs(performance.now() - waitsSince))
    }
  }

  /** Plays by the method whose turn it is, until that ends. */
  async #playOnce(stream: StreamStatus): Promise<void> {
    const method = this.#methods[this.#next % Math.max(1, this.#methods.length)]
    if (!method) {
      this.#failures++
      this.#setState({ kind: 'failed' })
      return
    }
    this.#setState({ kind: 'starting', method })
    const from = performance.now()
    const end = await this.#playBy(method, stream)
    this.#playback?.close()
    this.#playback = null
    if (this.#closing.signal.aborted || end === 'paused') return
    if (performance.now() - from > SHORT_MS) this.#failures = 0
    else this.#failures++
    if (end === 'held-back') this.#isHeldBack = true
    const isUseless = end === 'failed' || end === 'held-back' || end === 'no-picture'
    if (!isUseless && (this.#failures === 0 || this.#failures % MAX_SHORT !== 0)) return
    this.#next++
    if (isUseless && this.#next % this.#methods.length === 0) this.#setState({ kind: 'failed' })
  }

  async #playBy(method: Method, stream: StreamStatus): Promise<End> {
    let stopped: End | null = null
    const onStopped: OnStopped = (reason) => {
      stopped ??= reason
    }
    try {
      this.#playback = await this.#tools.play(method, this.#linksOf(stream), onStopped, this.#closing.signal)
    } catch {
      // The player itself could not be loaded: the server may be going.
      return 'failed'
    }
    void beginPlaying(this.#video).then((plays) => {
      if (!plays && !this.#closing.signal.aborted) this.#events.onNeedsPress()
    })
    return this.#watch(method, () => stopped)
  }

  #linksOf({ playback }: StreamStatus): PlaybackLinks {
    const { token } = this.#address
    const { watch, hls, llHls, flv, whep } = playback
    const links = { hls: withToken(hls, token), llHls: withToken(llHls, token) }
    return { watch, ...links, flv: withToken(flv, token), whep: withToken(whep, token) }
  }

  /** Looks at the progress until the playback stops, or has to be given up. */
  async #watch(method: Method, stopped: () => End | null): Promise<End> {
    const video = this.#video
    let shown = video.currentTime
    let moved = performance.now()
    // Soon at first: the gateway counts this player as well then.
    let asked = moved - ASK_WHILE_PLAYING_MS + ASK_MS
    let began = false
    let answer: StreamAnswer | null = null
    /** Since when the gateway has said that it is live, without a break. */
    let liveSince: number | null = moved
    const takeAnswer = (): StreamAnswer | null => {
      const taken = answer
      answer = null
      return taken
    }
    const ask = async () => {
      answer = await this.#tools.ask(this.#closing.signal)
    }
    for (;;) {
      await this.#pause(LOOK_MS)
      if (this.#closing.signal.aborted) return 'ended'
      const end = stopped()
      // What has played goes on by the same method, and what ends before it begins does not work.
      if (end) return began ? (end === 'failed' ? 'stood-still' : end) : 'failed'
      const now = performance.now()
      if (this.#paused) return 'paused'
      if (video.paused && video.readyState >= video.HAVE_CURRENT_DATA) moved = now
      // A video that waits for a press is moved to what is newest, too.
      if (video.currentTime !== shown && !video.paused) {
        shown = video.currentTime
        moved = now
        if (!began) this.#began(method)
        began = true
        this.#setState({ kind: 'playing', method })
      }
      const still = now - moved
      if (!began && still > HELD_BACK_MS && this.#methods.length > 1 && !this.#playback?.hasArrived())
        return 'held-back'
      if (!began && still > START_MS) return 'no-picture'
      if (began && still > STALL_MS) this.#setState({ kind: 'interrupted' })
      if (now - asked >= (still > STALL_MS ? ASK_MS : ASK_WHILE_PLAYING_MS)) {
        asked = now
        void ask()
      }
      // Nobody waits for the answer: a playback may fail meanwhile.
      const known = takeAnswer()
      if (known === null) continue
      this.#events.onStream(known.kind === 'there' ? known.stream : null)
      // What has come is still played to its end.
      if (known.kind === 'absent' && still > STALL_MS) return 'ended'
      const isLive = known.kind === 'there' && known.stream.state === 'live'
      liveSince = isLive ? (liveSince ?? now) : null
      if (liveSince !== null && now - liveSince > RETURN_MS && began && still > RESTART_MS) return 'stood-still'
    }
  }

  #began(method: Method): void {
    this.#hasPlayed = true
    if (!this.#isHeldBack) return
    this.#isHeldBack = false
    rememberMethod(this.#address.server, method)
  }

  async #untilResumed(): Promise<void> {
    const { signal } = this.#closing
    await new Promise<void>((resolve) => {
      this.#resumption.addEventListener('resume', () => resolve(), { once: true, signal })
      signal.addEventListener('abort', () => resolve(), { once: true })
    })
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const { signal } = this.#closing
      if (signal.aborted) return resolve()
      const settle = () => {
        clearTimeout(timer)
        signal.removeEventListener('abort', settle)
        resolve()
      }
      const timer = setTimeout(settle, ms)
      signal.addEventListener('abort', settle)
    })
  }

  #setState(state: PlayerState): void {
    if (JSON.stringify(state) === JSON.stringify(this.#state)) return
    this.#state = state
    this.#events.onState(state)
  }
}
