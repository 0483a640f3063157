import { html, LitElement, nothing } from 'lit'
import { isStreamName, STREAM_NAME_RULE } from '../../shared/stream-name.ts'
import { isOver } from '../broadcaster-state.ts'
import { AttributeReader } from '../elements/attribute-values.ts'
import '../elements/level-meter.ts'
import '../elements/live-stats.ts'
import '../elements/share-link.ts'
import { theme } from '../elements/theme.ts'
import { uplinkNotice } from '../elements/uplink-notice.ts'
import { gatewayOfScript } from '../gateway-url.ts'
import { readPageFacts, readToken } from '../page-facts.ts'
import { cameraIsAllowed, type Interrupted, keepInterrupted, readInterrupted } from '../publisher/interrupted.ts'
import { preview, problemText } from '../publisher/preview.ts'
import { Publisher } from '../publisher/publisher.ts'
import { qualityChoice, sourceChoice, sourceDetails, valueFrom } from '../publisher/settings.ts'
import { publisherStyles } from '../publisher/styles.ts'
import '../targets/targets.ts'
import { wordsFor } from '../words/words.ts'
import { broadcastSnippets, playerSnippets } from './snippets.ts'
import { studioStyles } from './studio-styles.ts'

const NAME_KEY = 'castgate.stream'
const TOKEN_KEY = 'castgate.token'
const FIRST_NAME = 'my-stream'
/** How often the figures of a live broadcast are drawn. */
const REDRAW_MS = 500

const read = new AttributeReader('The address of the studio')

const GATEWAY = gatewayOfScript(import.meta.url)

/** The studio page: choose a source, press Broadcast. */
export class Studio extends LitElement {
  static override properties = { name: { state: true }, token: { state: true } }
  declare name: string
  declare token: string
  readonly #publisher = new Publisher()
  readonly #facts = readPageFacts()
  /** The studio speaks English. */
  readonly #words = wordsFor(['en'])
  #interrupted: Interrupted | null
  #timer = 0

  static override styles = [theme, publisherStyles, studioStyles]

  constructor() {
    super()
    const asked = read.streamName('stream', new URLSearchParams(location.search).get('stream'))
    const before = localStorage.getItem(NAME_KEY)
    this.name = asked || (isStreamName(before) ? before : FIRST_NAME)
    this.token = readToken() ?? sessionStorage.getItem(TOKEN_KEY) ?? ''
    this.#interrupted = readInterrupted()
    if (this.#interrupted) this.name = this.#interrupted.stream
    this.#publisher.addEventListener('change', () => this.requestUpdate())
    this.#publisher.addEventListener('statechange', () => this.#stateChanged())
  }

  /** A broadcast that a reload interrupted goes on by itself where the camera may be opened without a question. */
  override firstUpdated(): void {
    if (this.#interrupted) void cameraIsAllowed().then((allowed) => (allowed ? this.#broadcast() : undefined))
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback()
    clearInterval(this.#timer)
    this.#publisher.close()
  }

  override render() {
    const publisher = this.#publisher
    const words = this.#words
    return html`
      <header>
        <h1 class="brand"><span class="mark" aria-hidden="true"></span>Castgate</h1>
        <p class="quiet">Broadcast from this browser</p>
      </header>
      <main>
        <section class="stage" aria-label="Preview">
          ${preview(publisher, words)}${this.#levelMeter()}${problemText(publisher.problem, words)}
        </section>
        <section class="controls card ${publisher.busy ? 'busy' : ''}" aria-label="Settings">
          ${sourceChoice(publisher, words)} ${sourceDetails(publisher, words)} ${qualityChoice(publisher, words)}
          ${this.#nameField()} ${this.#tokenField()} ${this.#mainButton()}
        </section>
        <section class="results" aria-label="Broadcast">${this.#results()}${this.#targets()}</section>
      </main>
    `
  }

  #levelMeter() {
    const { stream } = this.#publisher.source
    if (!stream || stream.getAudioTracks().length === 0) return nothing
    const { muted } = this.#publisher
    return html`<div class="sound">
      <castgate-level .stream=${stream}></castgate-level>
      <button type="button" @click=${() => this.#publisher.mute(!muted)}>
        ${muted ? this.#words.unmute : this.#words.mute}
      </button>
    </div>`
  }

  #nameField() {
    const valid = isStreamName(this.name)
    return html`<div>
      <label for="name">Stream name</label>
      <input
        id="name"
        type="text"
        autocomplete="off"
        autocapitalize="none"
        spellcheck="false"
        maxlength="64"
        aria-invalid=${valid ? 'false' : 'true'}
        aria-describedby="name-rule"
        .value=${this.name}
        ?disabled=${this.#publisher.busy}
        @input=${(event: Event) => {
          this.name = valueFrom(event).trim()
        }}
      />
      <p class="quiet" id="name-rule">${valid ? 'It becomes part of the links.' : `Use ${STREAM_NAME_RULE}.`}</p>
    </div>`
  }

  #tokenField() {
    if (this.#facts.access === 'open') {
      return html`<p class="quiet open">No token is needed: everyone who reaches this server may broadcast.</p>`
    }
    return html`<div>
      <label for="token">Token</label>
      <input
        id="token"
        type="password"
        autocomplete="off"
        aria-describedby="token-rule"
        .value=${this.token}
        ?disabled=${this.#publisher.busy}
        @input=${(event: Event) => {
          this.token = valueFrom(event).trim()
        }}
      />
      <p class="quiet" id="token-rule">It lets you broadcast here. Whoever runs this server gives you one.</p>
    </div>`
  }

  /** Figures while live, and the links. */
  #results() {
    const { state, stats } = this.#publisher
    if (!state || !stats) {
      if (!this.#interrupted) return nothing
      return html`<p class="card notice" role="status">
        The broadcast “${this.#interrupted.stream}” is waiting for you. Press Broadcast to go on.
      </p>`
    }
    if (state.kind === 'ended') return html`<p class="card" role="status">${this.#words.ended}</p>`
    if (!stats.playback || isOver(state)) return nothing
    const { watch, hls, flv } = stats.playback
    const { script, frame } = playerSnippets(GATEWAY, this.name)
    const own = broadcastSnippets(GATEWAY, this.name)
    return html`${uplinkNotice(stats, this.#publisher.qualityId, this.#words)}
      <div class="card">
        <h2>Share</h2>
        <castgate-link label="Watch page" url=${watch}></castgate-link>
        <castgate-link label="HLS" url=${hls}></castgate-link>
        <castgate-link label="HTTP-FLV" url=${flv}></castgate-link>
      </div>
      <div class="card">
        <h2>Now</h2>
        <castgate-stats .stats=${stats}></castgate-stats>
      </div>
      <details class="card">
        <summary>Embed in a page of yours</summary>
        <div class="embed">
          <castgate-link label="Player" code=${script}></castgate-link>
          <castgate-link label="Player in a frame" code=${frame}></castgate-link>
          <castgate-link label="Broadcast button" code=${own.script}></castgate-link>
          <castgate-link label="Broadcast button in a frame" code=${own.frame}></castgate-link>
        </div>
      </details>`
  }

  /** The same element before and during a broadcast: it keeps what was entered. */
  #targets() {
    if (!this.#facts.publisherDestinations) return nothing
    const { stats, resumption } = this.#publisher
    return html`<castgate-targets
      class="card"
      server=${GATEWAY}
      stream=${this.name}
      .bearer=${resumption?.session ?? null}
      ?live=${stats?.server?.state === 'live' && resumption !== null}
      .targets=${(resumption && stats?.server?.targets) ?? []}
    ></castgate-targets>`
  }

  #mainButton() {
    const { stoppable, waiting } = this.#publisher
    return html`<div class="action">
      <button
        type="button"
        class=${stoppable ? 'stop' : 'primary'}
        ?disabled=${waiting || (!stoppable && !isStreamName(this.name))}
        @click=${stoppable ? this.#stop : this.#broadcast}
      >
        ${stoppable ? this.#words.stop : this.#words.broadcast}
      </button>
    </div>`
  }

  readonly #broadcast = async (): Promise<void> => {
    const began = await this.#publisher.start({
      server: GATEWAY,
      stream: this.name,
      ...(this.token && { token: this.token }),
      interrupted: this.#interrupted,
    })
    if (!began) return
    localStorage.setItem(NAME_KEY, this.name)
    // A reload needs it again; it goes with the tab.
    if (this.token) sessionStorage.setItem(TOKEN_KEY, this.token)
    this.#interrupted = null
    clearInterval(this.#timer)
    this.#timer = window.setInterval(() => this.requestUpdate(), REDRAW_MS)
  }

  readonly #stop = (): void => {
    void this.#publisher.stop()
  }

  #stateChanged(): void {
    const { resumption, busy } = this.#publisher
    keepInterrupted(resumption && { stream: this.name, resumption })
    if (!busy) clearInterval(this.#timer)
  }
}

customElements.define('castgate-studio', Studio)
