import { html, LitElement, nothing, type TemplateResult } from 'lit'
import { isStreamName, STREAM_NAME_RULE } from '../../shared/stream-name.ts'
import { isOver } from '../broadcaster-state.ts'
import { AttributeReader } from '../elements/attribute-values.ts'
import '../elements/live-stats.ts'
import '../elements/share-link.ts'
import { theme } from '../elements/theme.ts'
import { uplinkNotice } from '../elements/uplink-notice.ts'
import { gatewayOfScript } from '../gateway-url.ts'
import { readPageFacts, readToken } from '../page-facts.ts'
import { type Interrupted, keepInterrupted, mayGoOn, readInterrupted } from '../publisher/interrupted.ts'
import { preview, problemText } from '../publisher/preview.ts'
import { Publisher } from '../publisher/publisher.ts'
import { SessionHold } from '../publisher/session-hold.ts'
import { qualityChoice, sourceChoice, sourceDetails, valueFrom } from '../publisher/settings.ts'
import { soundStrips } from '../publisher/sounds.ts'
import { publisherStyles } from '../publisher/styles.ts'
import '../targets/targets.ts'
import { wordsFor } from '../words/words.ts'
import { LivePage } from './live-page.ts'
import { firstStreamName, rememberChoices, rememberedChoices, rememberStreamName } from './remembered.ts'
import { broadcastSnippets, playerSnippets } from './snippets.ts'
import { studioStyles } from './studio-styles.ts'

const TOKEN_KEY = 'castgate.token'
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
  readonly #page = new LivePage()
  #interrupted: Interrupted | null
  /** Whether the interrupted broadcast may be on air from another tab. */
  #isElsewhere = false
  readonly #hold = new SessionHold()
  #timer = 0

  static override styles = [theme, publisherStyles, studioStyles]

  constructor() {
    super()
    const asked = read.streamName('stream', new URLSearchParams(location.search).get('stream'))
    this.name = asked || firstStreamName()
    this.token = readToken() ?? sessionStorage.getItem(TOKEN_KEY) ?? ''
    this.#interrupted = readInterrupted()
    const choices = rememberedChoices()
    if (this.#interrupted) {
      this.name = this.#interrupted.stream
      this.#publisher.restore(this.#interrupted)
    } else if (choices) {
      const { qualityId, ...devices } = choices
      this.#publisher.remember(qualityId, devices)
    }
    this.#publisher.addEventListener('change', () => this.#changed())
    this.#publisher.addEventListener('statechange', () => this.#stateChanged())
  }

  /** A broadcast that a reload interrupted goes on by itself, where nothing has to be allowed or chosen, and with nothing that was off. */
  override firstUpdated(): void {
    if (this.#interrupted) void this.#goOn(this.#interrupted)
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback()
    clearInterval(this.#timer)
    this.#publisher.close()
    this.#page.show(null)
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
          ${preview(publisher, words)}${soundStrips(publisher, words)}${problemText(publisher, words)}
        </section>
        <section class="controls card ${publisher.busy ? 'busy' : ''}" aria-label="Settings">
          ${sourceChoice(publisher, words)} ${sourceDetails(publisher, words)} ${qualityChoice(publisher, words)}
          ${this.#nameField()} ${this.#tokenField()} ${this.#mainButton()}
        </section>
        <section class="results" aria-label="Broadcast">${this.#results()}${this.#targets()}</section>
      </main>
    `
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
      return this.#interrupted ? this.#waitingNotice(this.#interrupted) : nothing
    }
    if (state.kind === 'ended') return html`<p class="card" role="status">${this.#words.ended}</p>`
    if (!stats.playback || isOver(state)) return nothing
    const { watch, hls, flv } = stats.playback
    const { script, frame } = playerSnippets(GATEWAY, this.name)
    const own = broadcastSnippets(GATEWAY, this.name)
    return html`${this.#chooseAgainNotice()}${uplinkNotice(stats, this.#publisher.qualityId, this.#words)}
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

  #waitingNotice({ stream }: Interrupted): TemplateResult {
    return html`<p class="card notice" role="status">
      ${
        this.#isElsewhere
          ? `The broadcast “${stream}” is on air from another tab. Press Broadcast to take it over.`
          : `The broadcast “${stream}” is waiting for you. Press Broadcast to go on.`
      }
    </p>`
  }

  /** While viewers see a card since what was broadcast has to be chosen again. */
  #chooseAgainNotice(): TemplateResult | typeof nothing {
    const { card, kind, source } = this.#publisher
    if (card === null || source.isOpen || kind === 'camera') return nothing
    const what = kind === 'screen' ? 'the screen' : 'the file'
    return html`<p class="card notice" role="status">Viewers see “${card}”. Choose ${what} again to go on.</p>`
  }

  /** The same element before and during a broadcast: it keeps what was entered. */
  #targets() {
    if (!this.#facts.publisherTargets) return nothing
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
        @click=${this.#press}
      >
        ${stoppable ? this.#words.stop : this.#words.broadcast}
      </button>
    </div>`
  }

  readonly #press = (event: MouseEvent): void => {
    // The second click of a double click means what the first one did.
    if (event.detail > 1) return
    if (this.#publisher.stoppable) void this.#publisher.stop()
    else void this.#broadcast(false)
  }

  async #goOn(interrupted: Interrupted): Promise<void> {
    if (!(await mayGoOn(interrupted))) return
    if (!(await this.#hold.take(interrupted.resumption.session))) {
      this.#isElsewhere = true
      return this.requestUpdate()
    }
    await this.#broadcast(true)
  }

  async #broadcast(isAutomatic: boolean): Promise<void> {
    const began = await this.#publisher.start({
      server: GATEWAY,
      stream: this.name,
      ...(this.token && { token: this.token }),
      interrupted: this.#interrupted,
      isAutomatic,
    })
    if (!began) return
    rememberStreamName(this.name)
    // A reload needs it again; it goes with the tab.
    if (this.token) sessionStorage.setItem(TOKEN_KEY, this.token)
    this.#interrupted = null
    this.#isElsewhere = false
    clearInterval(this.#timer)
    this.#timer = window.setInterval(() => this.#tick(), REDRAW_MS)
  }

  #tick(): void {
    this.#keep()
    this.requestUpdate()
  }

  /** Keeps what a reload needs. */
  #keep(): void {
    const { resumption, setting } = this.#publisher
    keepInterrupted(resumption && { stream: this.name, resumption, ...setting, seenAt: Date.now() })
  }

  #changed(): void {
    const { busy, setting, source } = this.#publisher
    if (busy) this.#keep()
    if (source.isOpen) rememberChoices({ qualityId: setting.qualityId, ...setting.choice })
    this.requestUpdate()
  }

  #stateChanged(): void {
    const { resumption, busy } = this.#publisher
    this.#keep()
    this.#hold.hold(resumption?.session ?? null)
    this.#page.show(busy ? this.name : null)
    if (!busy) clearInterval(this.#timer)
  }
}

customElements.define('castgate-studio', Studio)
