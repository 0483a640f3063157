import { html, LitElement, nothing, type PropertyValues, type TemplateResult } from 'lit'
import type { StreamStatus } from '../../shared/status.ts'
import { AttributeReader } from '../elements/attribute-values.ts'
import { AwakeScreen } from '../elements/awake-screen.ts'
import { gatewayOfScript } from '../gateway-url.ts'
import { icons } from './icons.ts'
import { METHODS, readMethods } from './method.ts'
import { PlayerSession, type PlayerState } from './session.ts'
import { readWatchAddress, type StreamAddress } from './stream.ts'
import { playerStyles } from './styles.ts'

/** After so long without a move the controls go away, in ms. */
const IDLE_MS = 3_000

/** A picture that was paused for so long is not loaded any more, in ms. */
const PAUSED_MS = 10_000

/** From so many seconds behind on, the LIVE button is no longer lit. */
const LIVE_WITHIN_S = 8

const VOLUME_STEP = 0.1

const read = new AttributeReader('<castgate-player>')

/**
 * `<castgate-player>`: plays a stream, and waits for it. Attributes: `src`, the address of a watch page, or `stream`, a name, and
 * `server`, the gateway's address where it is not the one that this script came from; `token`, where watching needs one; `methods`, the
 * ways to play that are tried, such as `ll-hls flv`. Events: `castgate-state` with a {@link PlayerState}, `castgate-stream` with a
 * {@link StreamStatus} or null.
 */
export class Player extends LitElement {
  static override properties = {
    src: {},
    stream: {},
    server: {},
    token: {},
    methods: {},
  }
  declare src: string
  declare stream: string
  declare server: string
  declare token: string
  declare methods: string
  #state: PlayerState = { kind: 'waiting' }
  #figures = ''
  #idle = false
  #session: PlayerSession | null = null
  #clock = 0
  readonly #wakeLock = new AwakeScreen()
  #isTouched = false
  #wasIdle = false
  #idleTimer = 0
  #pausedTimer = 0

  constructor() {
    super()
    this.src = ''
    this.stream = ''
    this.server = ''
    this.token = ''
    this.methods = ''
  }

  /** What the player does. */
  get state(): PlayerState {
    return this.#state
  }

  static override styles = playerStyles

  override connectedCallback(): void {
    super.connectedCallback()
    document.addEventListener('fullscreenchange', this.#redraw)
    this.#clock = window.setInterval(this.#showFigures, 500)
    if (this.hasUpdated) this.#begin()
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback()
    document.removeEventListener('fullscreenchange', this.#redraw)
    clearInterval(this.#clock)
    clearTimeout(this.#idleTimer)
    clearTimeout(this.#pausedTimer)
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
  }

  override updated(changed: PropertyValues<this>): void {
    const names = ['src', 'stream', 'server', 'token', 'methods'] as const
    // What could not be used has become what it was.
    if (names.some((name) => changed.has(name) && changed.get(name) !== this[name])) this.#begin()
  }

  /** Plays on, with what is live now. */
  play(): void {
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
    return html`<div
      class="stage ${this.#idle && kind === 'playing' ? 'idle' : ''}"
      role="region"
      aria-label="Player"
      tabindex="0"
      @keydown=${this.#key}
      @pointermove=${this.#moved}
      @focusin=${this.#moved}
    >
      <video part="video" aria-label=${this.#label()} playsinline muted @play=${this.#played} @pause=${this.#pausedNow} @volumechange=${this.#redraw} @resize=${this.#resized} @pointerdown=${this.#pointed} @click=${this.#clicked}></video>
      ${this.#message()}
      <div class="top">
        ${kind === 'playing' && this.#video?.muted ? html`<button part="button" class="unmute" type="button" @click=${this.#toggleSound}>Turn on sound</button>` : nothing}
      </div>
      ${kind === 'playing' || kind === 'interrupted' || kind === 'starting' ? this.#controls() : nothing}
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
    const looks = kind === 'playing' ? 'sr' : kind === 'interrupted' || kind === 'starting' ? 'message soft' : 'message'
    return html`<div part="message" class=${looks} role="status"><p class="big">${big}</p>${small ? html`<p>${small}</p>` : nothing}</div>`
  }

  #controls(): TemplateResult {
    const video = this.#video
    const paused = video?.paused ?? false
    const muted = video?.muted ?? true
    const full = this.#isFullScreen()
    const behind = this.#session?.behindSeconds() ?? 0
    return html`<div part="controls" class="controls">
      ${this.#button(paused ? 'Play' : 'Pause', paused ? icons.play : icons.pause, this.#togglePlay)}
      ${this.#button(muted ? 'Turn on sound' : 'Mute', muted ? icons.muted : icons.sound, this.#toggleSound)}
      <input type="range" aria-label="Volume" min="0" max="1" step="0.05" .value=${String(muted ? 0 : (video?.volume ?? 1))} @input=${this.#setVolume} />
      <button part="button" class="live ${behind < LIVE_WITHIN_S && !paused && this.#state.kind === 'playing' ? 'on' : ''}" type="button" title="Go to the newest picture" @click=${this.#toLive}>LIVE</button>
      <span class="figures">${this.#figures}</span>
      ${document.pictureInPictureEnabled ? this.#button('Picture in picture', icons.pictureInPicture, this.#togglePictureInPicture) : nothing}
      ${document.fullscreenEnabled || fullScreenOf(video) ? this.#button(full ? 'Leave full screen' : 'Full screen', full ? icons.leaveFullScreen : icons.fullScreen, this.#toggleFullScreen) : nothing}
    </div>`
  }

  #button(label: string, picture: TemplateResult, onClick: () => void): TemplateResult {
    return html`<button part="button" type="button" aria-label=${label} title=${label} @click=${onClick}>${picture}</button>`
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

  #begin(): void {
    this.#session?.close()
    this.#session = null
    this.#become({ kind: 'waiting' })
    clearTimeout(this.#pausedTimer)
    const video = this.#video
    const address = this.#address()
    if (!this.isConnected || !video || !address) return
    // The attribute alone does not mute what a script has made, and browsers let nothing else begin by itself.
    video.muted = true
    this.#session = new PlayerSession(video, address, readMethods(this.methods), {
      onState: (state) => {
        this.#become(state)
        // The end of a stream and a new beginning pause a video as well.
        if (state.kind !== 'playing') clearTimeout(this.#pausedTimer)
        this.dispatchEvent(new CustomEvent('castgate-state', { detail: state }))
      },
      onStream: (stream) =>
        this.dispatchEvent(new CustomEvent<StreamStatus | null>('castgate-stream', { detail: stream })),
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
    this.#wasIdle = this.#idle
  }

  /** A finger asks for the controls; the click of a mouse pauses. */
  readonly #clicked = (): void => {
    if (!this.#isTouched) return this.#togglePlay()
    this.#moved()
    if (!this.#wasIdle && this.#state.kind === 'playing') this.#beIdle(true)
  }

  readonly #togglePlay = (): void => {
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
    this.requestUpdate()
    clearTimeout(this.#pausedTimer)
    this.#session?.resume()
    this.#session?.toLiveEdge()
  }

  readonly #toggleSound = (): void => {
    this.mute(!(this.#video?.muted ?? true))
  }

  readonly #setVolume = (event: Event): void => this.#volume(Number((event.target as HTMLInputElement).value))

  #volume(value: number): void {
    const video = this.#video
    if (!video) return
    video.volume = Math.min(1, Math.max(0, value))
    video.muted = video.volume === 0
  }

  readonly #toLive = (): void => {
    this.#session?.toLiveEdge()
    if (this.#video?.paused) this.#togglePlay()
  }

  readonly #togglePictureInPicture = (): void => {
    const change = document.pictureInPictureElement
      ? document.exitPictureInPicture()
      : this.#video?.requestPictureInPicture()
    // A browser may refuse, and shows why by itself.
    change?.catch(() => {})
  }

  readonly #toggleFullScreen = (): void => {
    // An iPhone gives it to videos alone.
    if (!document.fullscreenEnabled) return fullScreenOf(this.#video)?.()
    const change = this.#isFullScreen() ? document.exitFullscreen() : this.requestFullscreen()
    change.catch(() => {})
  }

  #isFullScreen(): boolean {
    return this.matches(':fullscreen')
  }

  readonly #key = (event: KeyboardEvent): void => {
    if (event.ctrlKey || event.metaKey || event.altKey) return
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
        this.#toggleFullScreen()
        break
      case 'l':
        this.#toLive()
        break
      case 'ArrowUp':
      case 'ArrowDown':
        if (event.target instanceof HTMLInputElement) return
        this.#volume(volume + (event.key === 'ArrowUp' ? VOLUME_STEP : -VOLUME_STEP))
        break
      default:
        return
    }
    event.preventDefault()
    this.#moved()
  }

  readonly #moved = (): void => {
    this.#beIdle(false)
    clearTimeout(this.#idleTimer)
    this.#idleTimer = window.setTimeout(() => this.#beIdle(!this.#video?.paused), IDLE_MS)
  }

  #beIdle(idle: boolean): void {
    if (idle === this.#idle) return
    this.#idle = idle
    this.requestUpdate()
  }
}

/** What shows a video alone on the full screen, where a browser has that (Safari). */
function fullScreenOf(video: HTMLVideoElement | null): (() => void) | null {
  const enter = (video as { webkitEnterFullscreen?: () => void } | null)?.webkitEnterFullscreen
  return enter ? () => enter.call(video) : null
}

const METHOD_WORDS = { flv: 'FLV', 'flv-websocket': 'FLV', 'll-hls': 'LL-HLS', hls: 'HLS', native: 'HLS' } as const

/** What stands over the picture, by state. */
const MESSAGES: Record<PlayerState['kind'], readonly [big: string, small: string]> = {
  waiting: ['Waiting for the broadcast', 'It starts here by itself as soon as it begins.'],
  starting: ['Starting…', ''],
  playing: ['Playing live', ''],
  interrupted: ['The broadcast is interrupted', 'It goes on here by itself.'],
  refused: ['This link does not let you watch', 'It may have expired. Ask whoever gave it to you for a new one.'],
  unreachable: ['The server cannot be reached', 'The player tries again.'],
  ended: ['The broadcast has ended', 'If it comes back, it starts here by itself.'],
  failed: [
    'This browser cannot play the broadcast',
    'The player tries again. A player such as VLC opens the HLS link.',
  ],
}

const NO_ADDRESS = ['No stream is named', 'Give this element a watch page as src, or a stream.'] as const

customElements.define('castgate-player', Player)
