import { html, LitElement, nothing, type PropertyValues, type TemplateResult } from 'lit'
import type { StreamStatus } from '../../shared/status.ts'
import { AttributeReader } from '../elements/attribute-values.ts'
import { AwakeScreen } from '../elements/awake-screen.ts'
import { gatewayOfScript } from '../gateway-url.ts'
import { type ControlsActions, controls } from './controls.ts'
import { FullScreen } from './full-screen.ts'
import { takeHttpSlot } from './http-slot.ts'
import { icons } from './icons.ts'
import { Idleness } from './idleness.ts'
import { MESSAGE_LOOKS, MESSAGES, NO_ADDRESS } from './messages.ts'
import { METHODS, readMethods } from './method.ts'
import { play, playableMethods, preload } from './methods.ts'
import { PlayerSession, type PlayerState, type PlayerTools } from './session.ts'
import { askForStream, readWatchAddress, type StreamAddress } from './stream.ts'
import { playerStyles } from './styles.ts'

/** A picture that was paused for so long is not loaded any more, in ms. */
const PAUSED_MS = 10_000

/** From so many seconds behind on, the LIVE button is no longer lit. */
const LIVE_WITHIN_S = 8

const VOLUME_STEP = 0.1

/** How often the figures are drawn, in ms. */
const FIGURES_MS = 500

const METHOD_WORDS = {
  whep: 'WebRTC',
  flv: 'FLV',
  'flv-websocket': 'FLV',
  'll-hls': 'LL-HLS',
  hls: 'HLS',
  native: 'HLS',
} as const

const read = new AttributeReader('<castgate-player>')

/**
 * `<castgate-player>`: plays a stream, and waits for it.
 *
 * Attributes: `src`, the address of a watch page, or `stream`, a name, and `server`, the gateway's address where it is not the one that
 * this script came from; `token`, where watching needs one; `methods`, the ways to play that are tried, such as `ll-hls flv`; `muted`;
 * `autoplay` and `controls`, which are on unless they are `false`; `poster`, the address of a picture. Methods: {@link play},
 * {@link pause}, {@link mute}. Events: `castgate-state` with a {@link PlayerState}, `castgate-stream` with a {@link StreamStatus} or
 * null, and `volumechange`.
 */
export class Player extends LitElement {
  static override properties = {
    src: {},
    stream: {},
    server: {},
    token: {},
    methods: {},
    muted: {},
    autoplay: {},
    controls: {},
    poster: {},
  }
  declare src: string
  declare stream: string
  declare server: string
  declare token: string
  declare methods: string
  /** Whether nothing is heard, by the page's choice, the viewer's, or the browser's. */
  declare muted: boolean
  /** Whether it plays without a press. */
  declare autoplay: boolean
  /** Whether it shows buttons, and obeys keys and clicks. */
  declare controls: boolean
  declare poster: string
  #state: PlayerState = { kind: 'waiting' }
  #figures = ''
  /** The stream, as the gateway told it last. */
  #status: StreamStatus | null = null
  /** Whether the browser plays nothing before a press. */
  #needsPress = false
  #session: PlayerSession | null = null
  #clock = 0
  readonly #wakeLock = new AwakeScreen()
  readonly #idleness = new Idleness(
    () => !this.#video?.paused,
    () => this.requestUpdate(),
  )
  readonly #fullScreen = new FullScreen(this, () => this.#video)
  #isTouched = false
  #wasIdle = false
  #pausedTimer = 0

  constructor() {
    super()
    this.src = ''
    this.stream = ''
    this.server = ''
    this.token = ''
    this.methods = ''
    this.muted = false
    this.autoplay = true
    this.controls = true
    this.poster = ''
  }

  /** What the player does. */
  get state(): PlayerState {
    return this.#state
  }

  static override styles = playerStyles

  override connectedCallback(): void {
    super.connectedCallback()
    document.addEventListener('fullscreenchange', this.#redraw)
    this.#clock = window.setInterval(this.#showFigures, FIGURES_MS)
    // One that was moved goes on, also where it was a press that began it.
    if (this.hasUpdated) this.#begin(this.autoplay || this.#state.kind !== 'ready')
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback()
    document.removeEventListener('fullscreenchange', this.#redraw)
    clearInterval(this.#clock)
    clearTimeout(this.#pausedTimer)
    this.#idleness.close()
    this.#wakeLock.wanted = false
    this.#session?.close()
    this.#session = null
  }

  override willUpdate(): void {
    const isWatchPage = (text: string) => readWatchAddress(text, document.baseURI) !== null
    this.src = read.textWhere('src', this.src, isWatchPage, 'It is the address of a watch page.')
    this.stream = read.streamName('stream', this.stream)
    this.server = read.gateway('server', this.server)
    this.token = read.text('token', this.token)
    this.methods = read.words('methods', this.methods, METHODS)
    this.muted = read.flag('muted', this.muted)
    this.autoplay = read.flag('autoplay', this.autoplay, true)
    this.controls = read.flag('controls', this.controls, true)
    this.poster = read.textWhere('poster', this.poster, isPicture, 'It is the address of a picture.')
  }

  override updated(changed: PropertyValues<this>): void {
    const names = ['src', 'stream', 'server', 'token', 'methods'] as const
    // What could not be used has become what it was.
    const isChanged = (name: keyof Player) => changed.has(name) && changed.get(name) !== this[name]
    if (changed.has('muted') && this.#video) this.#video.muted = this.muted
    if (names.some(isChanged)) this.#begin(this.autoplay)
    else if (isChanged('autoplay') && this.autoplay && this.#state.kind === 'ready') this.#begin(true)
  }

  /** Plays on, with what is live now; begins where `autoplay` is off. */
  play(): void {
    if (this.#state.kind === 'ready') return this.#begin(true)
    this.#needsPress = false
    // A browser that wants a gesture first shows the button for it.
    void this.#video?.play().catch(() => {})
  }

  pause(): void {
    this.#video?.pause()
  }

  /** Turns the sound off, or on. */
  mute(muted = true): void {
    const video = this.#video
    if (!video) return
    video.muted = muted
    if (!muted && video.volume === 0) video.volume = 1
  }

  override render() {
    const { kind } = this.#state
    const isShown = kind === 'playing' || kind === 'interrupted' || kind === 'starting'
    return html`<div
      class="stage ${this.#idleness.isIdle && kind === 'playing' ? 'idle' : ''}"
      role="region"
      aria-label="Player"
      tabindex=${this.controls ? 0 : nothing}
      @keydown=${this.#key}
      @pointermove=${this.#moved}
      @focusin=${this.#moved}
    >
      <video part="video" aria-label=${this.#label()} playsinline poster=${this.poster || nothing} @play=${this.#played} @pause=${this.#pausedNow} @volumechange=${this.#volumeChanged} @resize=${this.#resized} @pointerdown=${this.#pointed} @click=${this.#clicked}></video>
      ${this.#isSoundAlone ? this.#soundAlone() : nothing}
      ${this.#message()}
      <div class="top">
        ${this.controls && kind === 'playing' && this.#video?.muted ? html`<button part="button" class="unmute" type="button" @click=${this.#toggleSound}>Turn on sound</button>` : nothing}
      </div>
      ${kind === 'ready' || (this.#needsPress && isShown) ? this.#bigPlay() : nothing}
      ${this.controls && isShown ? this.#controls() : nothing}
    </div>`
  }

  #label(): string {
    const name = this.#address()?.name
    return name ? `Live video of ${name}` : 'Live video'
  }

  /** What stands over the picture; while it plays, only a screen reader is told so. */
  #message(): TemplateResult {
    const { kind } = this.#state
    const [big, small] = this.#address() ? MESSAGES[kind] : NO_ADDRESS
    return html`<div part="message" class=${MESSAGE_LOOKS[kind] ?? 'message'} role="status"><p class="big">${big}</p>${small ? html`<p>${small}</p>` : nothing}</div>`
  }

  get #isSoundAlone(): boolean {
    return this.#state.kind === 'playing' && this.#status?.video === null && !this.#video?.videoWidth
  }

  #soundAlone(): TemplateResult {
    const looks = `sound-alone ${this.poster ? 'on-poster' : ''} ${this.#video?.paused ? '' : 'moving'}`
    return html`<div class=${looks}>
      <div class="bars" aria-hidden="true"><i></i><i></i><i></i><i></i><i></i></div>
      <p><b>${this.#address()?.name}</b><br />Sound only</p>
    </div>`
  }

  #bigPlay(): TemplateResult {
    return html`<button part="button" class="big-play" type="button" aria-label="Watch" title="Watch" @click=${() => this.play()}>${icons.play}</button>`
  }

  #controls(): TemplateResult {
    const video = this.#video
    const isPaused = video?.paused ?? false
    const isNear = (this.#session?.behindSeconds() ?? 0) < LIVE_WITHIN_S
    const view = {
      isPaused,
      isMuted: video?.muted ?? true,
      volume: video?.volume ?? 1,
      isAtLiveEdge: isNear && !isPaused && this.#state.kind === 'playing',
      figures: this.#figures,
      hasPictureInPicture: document.pictureInPictureEnabled && !this.#isSoundAlone,
      isFullScreen: this.#fullScreen.isOn,
    }
    return controls(view, this.#actions)
  }

  readonly #actions: ControlsActions = {
    togglePlay: () => this.#togglePlay(),
    toggleSound: () => this.#toggleSound(),
    setVolume: (volume) => this.#setVolume(volume),
    toLive: () => this.#toLive(),
    togglePictureInPicture: () => this.#togglePictureInPicture(),
    toggleFullScreen: () => this.#fullScreen.toggle(),
  }

  get #video(): HTMLVideoElement | null {
    return this.renderRoot.querySelector('video')
  }

  #address(): StreamAddress | null {
    const token = this.token || null
    if (this.src) {
      const address = readWatchAddress(this.src, document.baseURI)
      return address && { ...address, token: token ?? address.token }
    }
    if (!this.stream) return null
    return { server: this.server || gatewayOfScript(import.meta.url), name: this.stream, token }
  }

  /** Leaves what was played; waits for the stream and plays it, or for a press where `plays` is false. */
  #begin(plays: boolean): void {
    this.#session?.close()
    this.#session = null
    this.#status = null
    this.#needsPress = false
    clearTimeout(this.#pausedTimer)
    const video = this.#video
    const address = this.#address()
    this.#become({ kind: address && !plays ? 'ready' : 'waiting' })
    if (!this.isConnected || !video || !address || !plays) return
    video.muted = this.muted
    const methods = playableMethods(video, readMethods(this.methods))
    preload(methods[0])
    const tools: PlayerTools = {
      mayHoldHttp: (signal) => takeHttpSlot(address.server, signal),
      ask: (signal) => askForStream(address, signal),
      play: (method, ...given) => play(method, video, ...given),
    }
    this.#session = new PlayerSession(video, address, methods, tools, {
      onState: (state) => {
        this.#become(state)
        // The end of a stream and a new beginning pause a video as well.
        if (state.kind !== 'playing') clearTimeout(this.#pausedTimer)
        this.dispatchEvent(new CustomEvent('castgate-state', { detail: state }))
      },
      onStream: (stream) => {
        this.#status = stream
        this.requestUpdate()
        this.dispatchEvent(new CustomEvent<StreamStatus | null>('castgate-stream', { detail: stream }))
      },
      onNeedsPress: () => {
        this.#needsPress = true
        this.requestUpdate()
      },
    })
  }

  #become(state: PlayerState): void {
    // The controls go away by themselves also where nobody moves anything.
    if (state.kind === 'playing' && this.#state.kind !== 'playing') this.#moved()
    this.#state = state
    this.#wakeLock.wanted = state.kind === 'playing'
    this.requestUpdate()
  }

  readonly #redraw = (): void => this.requestUpdate()

  readonly #resized = (): void => {
    const { videoWidth = 0, videoHeight = 0 } = this.#video ?? {}
    this.toggleAttribute('upright', videoHeight > videoWidth)
    this.requestUpdate()
  }

  readonly #showFigures = (): void => {
    const behind = this.#session?.behindSeconds() ?? null
    const height = this.#video?.videoHeight ?? 0
    const figures = [
      ...(behind === null ? [] : [`${behind.toFixed(1)} s behind`]),
      ...(height > 0 ? [`${height}p`] : []),
      ...(this.#state.kind === 'playing' ? [METHOD_WORDS[this.#state.method]] : []),
    ].join(' · ')
    if (figures === this.#figures) return
    this.#figures = figures
    this.requestUpdate()
  }

  readonly #pointed = ({ pointerType }: PointerEvent): void => {
    this.#isTouched = pointerType === 'touch'
    this.#wasIdle = this.#idleness.isIdle
  }

  /** A finger asks for the controls; the click of a mouse pauses. */
  readonly #clicked = (): void => {
    if (!this.controls) return
    if (!this.#isTouched) return this.#togglePlay()
    this.#moved()
    if (!this.#wasIdle && this.#state.kind === 'playing') this.#idleness.beIdle()
  }

  #togglePlay(): void {
    if (this.#video?.paused) this.play()
    else this.pause()
  }

  /** A person paused, or the browser did: what is loaded is kept for a moment. */
  readonly #pausedNow = (): void => {
    this.requestUpdate()
    clearTimeout(this.#pausedTimer)
    if (this.#state.kind !== 'playing' || this.#video?.ended) return
    this.#pausedTimer = window.setTimeout(() => {
      if (this.#video?.paused) this.#session?.pause()
    }, PAUSED_MS)
  }

  readonly #played = (): void => {
    this.#needsPress = false
    this.requestUpdate()
    clearTimeout(this.#pausedTimer)
    this.#session?.resume()
    this.#session?.toLiveEdge()
  }

  /** The person, the page, or the browser has turned the sound on, off, up or down. */
  readonly #volumeChanged = (): void => {
    this.muted = this.#video?.muted ?? this.muted
    this.requestUpdate()
    this.dispatchEvent(new Event('volumechange'))
  }

  readonly #toggleSound = (): void => {
    this.mute(!(this.#video?.muted ?? true))
  }

  #setVolume(value: number): void {
    const video = this.#video
    if (!video) return
    video.volume = Math.min(1, Math.max(0, value))
    video.muted = video.volume === 0
  }

  #toLive(): void {
    this.#session?.toLiveEdge()
    if (this.#video?.paused) this.#togglePlay()
  }

  #togglePictureInPicture(): void {
    const change = document.pictureInPictureElement
      ? document.exitPictureInPicture()
      : this.#video?.requestPictureInPicture()
    // A browser may refuse, and shows why by itself.
    change?.catch(() => {})
  }

  readonly #key = (event: KeyboardEvent): void => {
    if (!this.controls || event.ctrlKey || event.metaKey || event.altKey) return
    const onControl = event.target instanceof HTMLButtonElement || event.target instanceof HTMLInputElement
    const volume = this.#video?.muted ? 0 : (this.#video?.volume ?? 1)
    switch (event.key) {
      case ' ':
      case 'k':
        // Space presses the button that has the focus.
        if (onControl && event.key === ' ') return
        this.#togglePlay()
        break
      case 'm':
        this.#toggleSound()
        break
      case 'f':
        this.#fullScreen.toggle()
        break
      case 'l':
        this.#toLive()
        break
      case 'ArrowUp':
      case 'ArrowDown':
        if (event.target instanceof HTMLInputElement) return
        this.#setVolume(volume + (event.key === 'ArrowUp' ? VOLUME_STEP : -VOLUME_STEP))
        break
      default:
        return
    }
    event.preventDefault()
    this.#moved()
  }

  readonly #moved = (): void => this.#idleness.moved()
}

function isPicture(text: string): boolean {
  if (!URL.canParse(text, document.baseURI)) return false
  const { protocol } = new URL(text, document.baseURI)
  return ['https:', 'http:', 'blob:'].includes(protocol) || text.startsWith('data:image/')
}

customElements.define('castgate-player', Player)
