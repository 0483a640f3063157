import { html, LitElement, nothing, type TemplateResult } from 'lit'
import { isStreamName } from '../../shared/stream-name.ts'
import type { TokenSource } from '../broadcaster.ts'
import { type BroadcasterState, type BroadcasterStats, isOver } from '../broadcaster-state.ts'
import { AttributeReader } from '../elements/attribute-values.ts'
import { AwakeScreen } from '../elements/awake-screen.ts'
import { theme } from '../elements/theme.ts'
import { uplinkNotice } from '../elements/uplink-notice.ts'
import { gatewayOfScript } from '../gateway-url.ts'
import { preview, problemText } from '../publisher/preview.ts'
import { Publisher } from '../publisher/publisher.ts'
import { qualityChoice, sourceChoice, sourceDetails } from '../publisher/settings.ts'
import { soundStrips } from '../publisher/sounds.ts'
import type { DeviceEvent, SourceKind } from '../publisher/source.ts'
import { publisherStyles } from '../publisher/styles.ts'
import { DEFAULT_QUALITY_ID, QUALITY_IDS } from '../record/quality.ts'
import { hasWords, type Words, wordsFor } from '../words/words.ts'
import { widgetStyles } from './styles.ts'

/** How often the figures of a live broadcast are drawn and told. */
const FIGURES_MS = 1_000

const SOURCES = ['camera', 'screen', 'file'] as const satisfies SourceKind[]

const read = new AttributeReader('<castgate-broadcast>')

/** What the events of `<castgate-broadcast>` carry as their `detail`. */
export interface WidgetEvents {
  /** The broadcast is live, for the first time or again. */
  'castgate-live': { stream: string; playback: BroadcasterStats['playback'] }
  /** The connection is lost; what is recorded is kept and sent when it is back. */
  'castgate-waiting': { stream: string }
  'castgate-ended': { stream: string }
  /** `code` is a protocol error code, a capture error code, `unreachable` or `recorder_failed`. */
  'castgate-error': { stream: string; code: string; message: string }
  /** A device was unplugged, taken by another program or muted by the system, or is back; the broadcast goes on without. */
  'castgate-device': { stream: string } & DeviceEvent
  /** About once a second while a broadcast runs. */
  'castgate-status': BroadcasterStats
}

/** The names of its events. */
export const WIDGET_EVENTS = [
  'castgate-live',
  'castgate-waiting',
  'castgate-ended',
  'castgate-error',
  'castgate-device',
  'castgate-status',
] as const satisfies readonly (keyof WidgetEvents)[]

/**
 * `<castgate-broadcast stream="NAME">`: broadcasts from the page that it is put into.
 *
 * Attributes and properties: `stream`, the name; `token`, where the gateway asks for one (the property may be a function that gives one,
 * also a promise of one); `server`, the gateway's address where it is not the one that this script came from; `source`: `camera`,
 * `screen` or `file`; `quality`: `1080p`, `720p60`, `720p`, `540p` or `360p`; `muted`; `lang`. Methods: {@link start}, {@link stop},
 * {@link mute}. Events: {@link WidgetEvents}. Looks: the custom properties of the theme, and the parts `preview`, `video`, `bar`,
 * `settings`, `action` and `problem`.
 */
export class BroadcastElement extends LitElement {
  static override properties = {
    stream: {},
    token: {},
    server: {},
    source: {},
    quality: {},
    muted: { type: Boolean },
    lang: {},
  }
  declare stream: string
  declare token: TokenSource
  declare server: string
  declare source: string
  declare quality: string
  declare muted: boolean
  readonly #publisher = new Publisher()
  readonly #wakeLock = new AwakeScreen()
  /** What the publisher had when it was looked at last: a property that differs from it was set by the page. */
  #known = { source: 'camera', quality: DEFAULT_QUALITY_ID, muted: false }
  #told: BroadcasterState['kind'] | null = null
  #toldProblem: Publisher['problem'] = null
  /** The name of the broadcast that runs, or ran last: the property may have another by now. */
  #broadcastAs = ''
  #timer = 0

  static override styles = [theme, publisherStyles, widgetStyles]

  constructor() {
    super()
    this.stream = ''
    this.token = ''
    this.server = ''
    this.source = 'camera'
    this.quality = DEFAULT_QUALITY_ID
    this.muted = false
    this.#publisher.addEventListener('change', () => this.#changed())
    this.#publisher.addEventListener('statechange', () => this.#tell())
    this.#publisher.addEventListener('device', (event) => {
      const { detail } = event as CustomEvent<DeviceEvent>
      this.#emit('castgate-device', { stream: this.#broadcastAs || this.stream, ...detail })
    })
  }

  /** What the broadcast does; null before the first one. */
  get state(): BroadcasterState | null {
    return this.#publisher.state
  }

  /** The figures of the broadcast; null before the first one. */
  get stats(): BroadcasterStats | null {
    return this.#publisher.stats
  }

  /**
   * Broadcasts, as the button does: opens the source first where it is not open. A `media` stream of the page's own takes its place.
   * Resolves with whether a broadcast began; why it did not is told by `castgate-error`.
   */
  async start(media?: MediaStream): Promise<boolean> {
    this.#apply()
    const { stream, token } = this
    const refuse = (code: string, message: string): false => {
      this.#emit('castgate-error', { stream, code, message })
      return false
    }
    if (!isStreamName(stream)) return refuse('no_stream', wordsFor(['en']).noStream)
    // Nobody would see that it broadcasts.
    if (!this.isConnected) return refuse('not_connected', 'The element is in no page. Add it to one, then start it.')
    if (media !== undefined && typeof media?.getTracks !== 'function') {
      return refuse('bad_stream', 'What start() was given is no MediaStream.')
    }
    if (this.#publisher.busy && this.#publisher.state?.kind !== 'ending') return false
    this.#broadcastAs = stream
    const server = this.server || gatewayOfScript(import.meta.url)
    return this.#publisher.start({ server, stream, ...(token && { token }) }, media)
  }

  /** Ends the broadcast; resolves when the server has everything. */
  stop(): Promise<void> {
    return this.#publisher.stop()
  }

  /** Turns the sound of the broadcast off, or on again. */
  mute(muted = true): void {
    this.muted = muted
    this.#apply()
  }

  override connectedCallback(): void {
    super.connectedCallback()
    // What was set meanwhile holds from now on.
    this.requestUpdate()
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback()
    // One that is moved is back in the same task, and goes on. Otherwise, whatever the page does with it, no camera stays on.
    setTimeout(() => {
      if (this.isConnected) return
      clearInterval(this.#timer)
      this.#timer = 0
      this.#publisher.close()
      this.#wakeLock.wanted = false
    })
  }

  override willUpdate(): void {
    this.#settle()
  }

  override updated(): void {
    this.#apply()
  }

  override render() {
    const words = this.#words()
    const publisher = this.#publisher
    publisher.cards = { cameraOff: words.cameraOff, back: words.backInAMoment }
    if (!isStreamName(this.stream) && !publisher.busy)
      return html`<div class="frame"><p class="nothing">${words.noStream}</p></div>`
    const { stats, qualityId } = publisher
    return html`<div class="frame" role="group" aria-label=${words.broadcast}>
      <div class="stage">${preview(publisher, words)}</div>
      ${problemText(publisher, words)} ${publisher.busy && stats ? uplinkNotice(stats, qualityId, words) : nothing}
      ${soundStrips(publisher, words)}
      <div part="bar" class="bar">${sourceChoice(publisher, words)} ${this.#action(words)}</div>
      <details part="settings">
        <summary>${words.settings}</summary>
        <div class="settings">${sourceDetails(publisher, words)} ${qualityChoice(publisher, words)}</div>
      </details>
      <p class="sr" role="status">${publisher.state?.kind === 'ended' ? words.ended : ''}</p>
    </div>`
  }

  #words(): Words {
    const inherited = this.closest<HTMLElement>('[lang]')?.lang
    return wordsFor([...(this.lang ? [this.lang] : []), ...(inherited ? [inherited] : []), ...navigator.languages])
  }

  #action(words: Words): TemplateResult {
    const { stoppable, waiting } = this.#publisher
    return html`<button
      part="action"
      type="button"
      class=${stoppable ? 'action stop' : 'action primary'}
      ?disabled=${waiting}
      @click=${(event: MouseEvent) => this.#press(event, stoppable)}
    >
      ${stoppable ? words.stop : words.broadcast}
    </button>`
  }

  #press({ detail }: MouseEvent, stoppable: boolean): void {
    // The second click of a double click means what the first one did.
    if (detail > 1) return
    void (stoppable ? this.stop() : this.start())
  }

  /** Makes of what the page has set what can be used: whatever it is, the page goes on. */
  #settle(): void {
    this.stream = read.streamName('stream', this.stream)
    if (typeof this.token !== 'function') this.token = read.text('token', this.token)
    this.server = read.gateway('server', this.server)
    this.source = read.choice('source', this.source, SOURCES, 'camera')
    this.quality = read.choice('quality', this.quality, QUALITY_IDS, DEFAULT_QUALITY_ID)
    this.muted = read.flag('muted', this.muted)
    this.lang = read.textWhere('lang', this.lang, hasWords, 'There is no such language here.')
  }

  /** Gives the publisher what the page has set. */
  #apply(): void {
    this.#settle()
    // In no page, no camera is opened; it is given when the element is put into one.
    if (!this.isConnected) return
    const publisher = this.#publisher
    const { source, quality, muted } = this
    if (source !== this.#known.source) publisher.choose(source as SourceKind)
    if (quality !== this.#known.quality) publisher.chooseQuality(quality)
    if (muted !== this.#known.muted) publisher.mute(muted)
  }

  /** Brings the properties in line with what the publisher has changed, draws, and tells of problems that came before a broadcast. */
  #changed(): void {
    const { problem, muted, kind, qualityId, state } = this.#publisher
    const before = this.#known
    this.#known = { source: kind === 'stream' ? before.source : kind, quality: qualityId, muted }
    if (this.#known.source !== before.source) this.source = this.#known.source
    if (qualityId !== before.quality) this.quality = qualityId
    if (muted !== before.muted) this.muted = muted
    const isOfState = state?.kind === 'failed' && problem?.message === state.message
    if (problem && problem !== this.#toldProblem && !isOfState) {
      this.#emit('castgate-error', { stream: this.#broadcastAs || this.stream, ...problem })
    }
    this.#toldProblem = problem
    this.requestUpdate()
  }

  /** Tells the page what the broadcast does now. */
  #tell(): void {
    const { state, stats, busy } = this.#publisher
    this.#wakeLock.wanted = busy
    if (!state || state.kind === this.#told) return
    this.#told = state.kind
    const stream = this.#broadcastAs
    switch (state.kind) {
      case 'live':
        this.#emit('castgate-live', { stream, playback: stats?.playback ?? null })
        break
      case 'reconnecting':
        this.#emit('castgate-waiting', { stream })
        break
      case 'ended':
        this.#emit('castgate-ended', { stream })
        break
      case 'failed':
        this.#emit('castgate-error', { stream, code: state.code, message: state.message })
        break
    }
    if (isOver(state)) {
      clearInterval(this.#timer)
      this.#timer = 0
    } else if (this.#timer === 0) this.#timer = window.setInterval(() => this.#showFigures(), FIGURES_MS)
  }

  #showFigures(): void {
    const { stats } = this.#publisher
    if (stats) this.#emit('castgate-status', stats)
    this.requestUpdate()
  }

  #emit<K extends keyof WidgetEvents>(type: K, detail: WidgetEvents[K]): void {
    this.dispatchEvent(new CustomEvent(type, { detail, bubbles: true, composed: true }))
  }
}

customElements.define('castgate-broadcast', BroadcastElement)
