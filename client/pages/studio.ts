import { html, LitElement, nothing } from 'lit'
import { isStreamName } from '../../shared/stream-name.ts'
import { Broadcaster, isOver } from '../broadcaster.ts'
import { CaptureError } from '../capture/errors.ts'
import '../elements/level-meter.ts'
import '../elements/live-stats.ts'
import '../elements/share-link.ts'
import { stateBadge } from '../elements/state-badge.ts'
import { theme } from '../elements/theme.ts'
import { uplinkNotice } from '../elements/uplink-notice.ts'
import { DEFAULT_QUALITY_ID, type Quality, qualityOf } from '../record/quality.ts'
import { cameraIsAllowed, type Interrupted, keepInterrupted, readInterrupted } from './studio-interrupted.ts'
import { type SettingsActions, type SettingsView, settings } from './studio-settings.ts'
import { type SourceKind, StudioSource } from './studio-source.ts'
import { studioStyles } from './studio-styles.ts'

const NAME_KEY = 'castgate.stream'
const FIRST_NAME = 'my-stream'
/** How often the figures of a live broadcast are drawn. */
const REDRAW_MS = 500
/** The studio page: choose a source, press Broadcast. */
export class Studio extends LitElement {
  static override properties = {
    kind: { state: true },
    opening: { state: true },
    problem: { state: true },
    name: { state: true },
    qualityId: { state: true },
    dropping: { state: true },
    muted: { state: true },
  }
  declare kind: SourceKind
  declare opening: boolean
  declare problem: string
  declare name: string
  declare qualityId: string
  declare dropping: boolean
  declare muted: boolean
  readonly #source = new StudioSource()
  readonly #choice = { camera: '', microphone: '' }
  #broadcaster: Broadcaster | null = null
  #interrupted: Interrupted | null
  #timer = 0

  static override styles = [theme, studioStyles]

  constructor() {
    super()
    this.kind = 'camera'
    this.opening = false
    this.problem = ''
    this.name = new URLSearchParams(location.search).get('stream') ?? localStorage.getItem(NAME_KEY) ?? FIRST_NAME
    this.qualityId = DEFAULT_QUALITY_ID
    this.dropping = false
    this.muted = false
    this.#interrupted = readInterrupted()
    if (this.#interrupted) this.name = this.#interrupted.stream
  }

  /** A broadcast that a reload interrupted goes on by itself where the camera may be opened without a question. */
  override firstUpdated(): void {
    if (this.#interrupted) void cameraIsAllowed().then((allowed) => (allowed ? this.#broadcast() : undefined))
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback()
    clearInterval(this.#timer)
    void this.#broadcaster?.stop()
    this.#source.close()
  }

  override render() {
    return html`
      <header>
        <p class="brand"><span class="mark" aria-hidden="true"></span>Castgate</p>
        <p class="quiet">Broadcast from this browser</p>
      </header>
      <main>
        <section class="stage" aria-label="Preview">${this.#preview()}${this.#levelMeter()}${this.#problemText()}</section>
        <section class="controls card ${this.#busy ? 'busy' : ''}" aria-label="Settings">
          ${settings(this.#settingsView(), this.#settingsActions)} ${this.#mainButton()}
        </section>
        <section class="results" aria-label="Broadcast">${this.#results()}</section>
      </main>
    `
  }

  readonly #settingsActions: SettingsActions = {
    chooseKind: (kind) => this.#choose(kind),
    chooseDevice: (which, id) => this.#deviceChosen(which, id),
    chooseScreen: () => void this.#open(),
    chooseFile: (file) => this.#fileChosen(file),
    chooseQuality: (id) => this.#qualityChosen(id),
    changeName: (name) => {
      this.name = name
    },
  }

  #settingsView(): SettingsView {
    const { cameras, microphones, stream } = this.#source
    const { kind, opening, qualityId, name } = this
    const hasSource = stream !== null
    return { kind, opening, qualityId, name, hasSource, live: this.#busy, cameras, microphones, choice: this.#choice }
  }

  get #busy(): boolean {
    return this.#broadcaster !== null && !isOver(this.#broadcaster.state)
  }

  get #quality(): Quality {
    return qualityOf(this.qualityId)
  }

  #preview() {
    const { stream } = this.#source
    const hasPicture = (stream?.getVideoTracks().length ?? 0) > 0
    return html`<div
      class="preview ${this.dropping ? 'dropping' : ''}"
      @dragover=${this.#dragOver}
      @dragleave=${this.#dragLeave}
      @drop=${this.#drop}
    >
      <video
        class=${this.#source.kind === 'camera' ? 'mirrored' : ''}
        aria-label="Preview of what you broadcast"
        .srcObject=${stream}
        ?hidden=${!hasPicture}
        autoplay
        playsinline
        .muted=${true}
      ></video>
      ${hasPicture ? nothing : html`<div class="empty">${this.#emptyPreview()}</div>`}
      <div class="badges" role="status">${stateBadge(this.#broadcaster?.state)}</div>
    </div>`
  }

  #emptyPreview() {
    if (this.opening) return html`<p>Opening…</p>`
    if (this.#source.stream) return html`<p>Sound only</p>`
    switch (this.kind) {
      case 'camera':
        return html`<p>Your camera appears here.</p><button type="button" @click=${this.#open}>Turn on camera</button>`
      case 'screen':
        return html`<p>Share a screen, a window or a tab.</p><button type="button" @click=${this.#open}>Choose a screen</button>`
      case 'file':
        return html`<p>Drop a video file here, or choose one.</p><button type="button" @click=${this.#chooseFile}>Choose a file</button>`
    }
  }

  #levelMeter() {
    const { stream } = this.#source
    if (!stream || stream.getAudioTracks().length === 0) return nothing
    return html`<div class="sound">
      <castgate-level .stream=${stream}></castgate-level>
      <button type="button" @click=${this.#toggleMute}>
        ${this.muted ? 'Unmute' : 'Mute'}
      </button>
    </div>`
  }

  #problemText() {
    const state = this.#broadcaster?.state
    const text = this.problem || (state?.kind === 'failed' ? state.message : '')
    return html`<div role="alert">${text ? html`<p class="alert">${text}</p>` : nothing}</div>`
  }

  /** Figures while live, and the links. */
  #results() {
    const broadcaster = this.#broadcaster
    if (!broadcaster) {
      if (!this.#interrupted) return nothing
      return html`<p class="card notice" role="status">
        The broadcast “${this.#interrupted.stream}” is waiting for you. Press Broadcast to go on.
      </p>`
    }
    const { state, stats } = broadcaster
    if (state.kind === 'ended')
      return html`<p class="card" role="status">The broadcast has ended. Press Broadcast to begin again.</p>`
    if (!stats.playback || isOver(state)) return nothing
    const { watch, hls, flv } = stats.playback
    return html`${uplinkNotice(stats, this.qualityId)}<div class="card">
        <h2>Share</h2>
        <castgate-link label="Watch page" url=${watch}></castgate-link>
        <castgate-link label="HLS" url=${hls}></castgate-link>
        <castgate-link label="HTTP-FLV" url=${flv}></castgate-link>
      </div>
      <div class="card">
        <h2>Now</h2>
        <castgate-stats .stats=${stats}></castgate-stats>
      </div>`
  }

  #mainButton() {
    const live = this.#busy
    const ending = this.#broadcaster?.state.kind === 'ending'
    return html`<div class="action">
      <button
        type="button"
        class=${live ? 'stop' : 'primary'}
        ?disabled=${ending || this.opening || (!live && !isStreamName(this.name))}
        @click=${live ? this.#stop : this.#broadcast}
      >
        ${live ? 'Stop' : 'Broadcast'}
      </button>
    </div>`
  }

  /** Chooses a kind of source. A screen and a file need a choice first; while live, the old source goes on until then. */
  #choose(kind: SourceKind): void {
    if (this.kind === kind) return
    this.problem = ''
    this.kind = kind
    if (!this.#busy) this.#source.close()
    if (kind === 'camera' || (kind === 'screen' && this.#busy)) void this.#open()
  }

  /** Opens camera or screen; whether it is open then. */
  readonly #open = (): Promise<boolean> =>
    this.#opened(() =>
      this.kind === 'screen'
        ? this.#source.useScreen(this.#quality)
        : this.#source.useCamera(this.#choice, this.#quality),
    )

  /** Opens a source with `open`, and goes on with it where a broadcast runs. */
  async #opened(open: () => Promise<void>): Promise<boolean> {
    this.problem = ''
    this.opening = true
    try {
      await open()
      await this.#goOn()
      return true
    } catch (error) {
      if (!(error instanceof CaptureError)) throw error
      this.problem = error.message
      // What was broadcast before still is.
      if (this.#busy) this.kind = this.#source.kind
      return false
    } finally {
      this.opening = false
      this.requestUpdate()
    }
  }

  /** Records the source as it is now, and releases the one before. */
  async #goOn(): Promise<void> {
    const { stream, file } = this.#source
    if (!stream) return
    this.#applyMute()
    if (this.#busy) {
      await this.#broadcaster?.replace(stream, this.#quality)
      void file?.element.play()
    }
    this.#source.releaseOld()
  }

  #deviceChosen(which: 'camera' | 'microphone', id: string): void {
    this.#choice[which] = id
    if (this.#source.stream) void this.#open()
  }

  #qualityChosen(id: string): void {
    this.qualityId = id
    if (!this.#source.stream) return
    // A camera is opened anew in the new size; a screen and a file have the size that they have.
    if (this.#source.kind === 'camera') void this.#open()
    else void this.#goOn()
  }

  readonly #toggleMute = (): void => {
    this.muted = !this.muted
    this.#applyMute()
  }

  #applyMute(): void {
    for (const track of this.#source.stream?.getAudioTracks() ?? []) track.enabled = !this.muted
  }

  readonly #chooseFile = (): void => {
    this.renderRoot.querySelector<HTMLInputElement>('#file')?.click()
  }

  #fileChosen(file: File): void {
    void this.#opened(() => this.#source.useFile(file))
  }

  readonly #dragOver = (event: DragEvent): void => {
    if (this.opening || !event.dataTransfer?.types.includes('Files')) return
    event.preventDefault()
    this.dropping = true
  }

  readonly #dragLeave = (): void => {
    this.dropping = false
  }

  readonly #drop = (event: DragEvent): void => {
    event.preventDefault()
    this.dropping = false
    const [file] = event.dataTransfer?.files ?? []
    if (!file || this.opening) return
    this.kind = 'file'
    void this.#opened(() => this.#source.useFile(file))
  }

  readonly #broadcast = async (): Promise<void> => {
    if (this.kind === 'file' && !this.#source.file) {
      this.problem = 'Choose a video file first, or drop one on the preview.'
      return
    }
    if (this.kind !== 'file' && !this.#source.stream?.active && !(await this.#open())) return
    await this.#rewindFile()
    const { stream } = this.#source
    if (!stream) return
    localStorage.setItem(NAME_KEY, this.name)
    this.problem = ''
    const resume = this.#interrupted?.stream === this.name ? { resume: this.#interrupted.resumption } : {}
    this.#interrupted = null
    const broadcaster = new Broadcaster({ server: location.origin, stream: this.name, ...resume })
    this.#broadcaster = broadcaster
    broadcaster.addEventListener('statechange', () => this.#stateChanged(broadcaster))
    broadcaster.start(stream, this.#quality)
    clearInterval(this.#timer)
    this.#timer = window.setInterval(() => this.requestUpdate(), REDRAW_MS)
  }

  readonly #stop = (): void => {
    void this.#broadcaster?.stop()
  }

  #stateChanged(broadcaster: Broadcaster): void {
    const { resumption } = broadcaster
    keepInterrupted(resumption && { stream: this.name, resumption })
    if (broadcaster.state.kind === 'live') void this.#source.file?.element.play()
    if (isOver(broadcaster.state)) {
      clearInterval(this.#timer)
      this.#source.file?.element.pause()
    }
    this.requestUpdate()
  }

  /** A file plays from its beginning in each broadcast. One that ended gives no more tracks, so it is opened again. */
  async #rewindFile(): Promise<void> {
    const { file } = this.#source
    if (!file) return
    await file.rewind()
    this.#source.stream = file.stream
  }
}

customElements.define('castgate-studio', Studio)
