import { html, LitElement, nothing } from 'lit'
import type { TargetStatus } from '../../shared/status.ts'
import { addTarget, controlTarget, listPresets, type Preset, removeTarget } from '../api/gateway-api.ts'
import { messageOf } from '../api/problem.ts'
import { clock, size } from '../elements/format.ts'
import { targetWords } from '../elements/target-words.ts'
import { theme } from '../elements/theme.ts'
import { targetStyles } from './styles.ts'

/** A target that was entered, and waits for the broadcast to be live. */
interface Planned {
  preset?: string
  url?: string
  key: string
}

const CUSTOM = ''

/**
 * The targets of a broadcast: shows how they are, and adds, pauses and removes them. Properties: `server` (base of the gateway),
 * `stream`, `bearer` (the admin key, or the id of the publisher's session; null before the broadcast), `live`, and `targets`. What is
 * entered before the broadcast is live is kept until it is, in memory alone, since it has keys in it.
 */
export class Targets extends LitElement {
  static override properties = {
    server: {},
    stream: {},
    bearer: { attribute: false },
    live: { type: Boolean },
    targets: { attribute: false },
    presets: { state: true },
    planned: { state: true },
    chosen: { state: true },
    problem: { state: true },
  }
  declare server: string
  declare stream: string
  declare bearer: string | null
  declare live: boolean
  declare targets: TargetStatus[]
  declare presets: Preset[]
  declare planned: Planned[]
  declare chosen: string
  declare problem: string

  #adding = false
  /** What was added here, by its id: a broadcast that begins anew, as when the server was started anew, goes there again. */
  readonly #added = new Map<string, Planned>()

  static override styles = [theme, targetStyles]

  constructor() {
    super()
    this.server = ''
    this.stream = ''
    this.bearer = null
    this.live = false
    this.targets = []
    this.presets = []
    this.planned = []
    this.chosen = CUSTOM
    this.problem = ''
  }

  override connectedCallback(): void {
    super.connectedCallback()
    void this.#loadPresets()
  }

  override willUpdate(changed: Map<string, unknown>): void {
    if (!changed.has('bearer') || this.#added.size === 0) return
    this.planned = [...this.#added.values(), ...this.planned]
    this.#added.clear()
  }

  override updated(): void {
    if (this.live && this.bearer !== null && this.planned.length > 0) void this.#addPlanned()
  }

  override render() {
    const others = this.targets.filter(({ host }) => host !== null)
    return html`<h2>Also send to</h2>
      ${others.length + this.planned.length === 0 ? html`<p class="quiet">Nowhere else yet.</p>` : nothing}
      <ul>
        ${others.map((target) => this.#target(target))} ${this.planned.map((planned) => this.#waiting(planned))}
      </ul>
      <details>
        <summary>Add a target</summary>
        ${this.#form()}
      </details>
      <p role="alert" class=${this.problem ? 'alert' : 'none'}>${this.problem}</p>`
  }

  #target(target: TargetStatus) {
    const { id, name, state, bytesOut, droppedFrames, liveSince } = target
    const isPaused = state === 'paused'
    const action = isPaused ? 'resume' : 'pause'
    return html`<li>
      <div class="what">
        <strong>${name}</strong>
        <span class="state ${state}">${targetWords(target)}</span>
        <span class="quiet">
          ${size(bytesOut)} sent${liveSince === null ? nothing : html`, for ${clock(Date.now() - Date.parse(liveSince))}`}${droppedFrames > 0 ? html`, ${droppedFrames} frames dropped` : nothing}
        </span>
      </div>
      <div class="actions">
        ${state === 'retrying' || state === 'failed' ? this.#button('Try now', name, () => this.#control(id, 'retry')) : nothing}
        ${state === 'failed' ? nothing : this.#button(isPaused ? 'Resume' : 'Pause', name, () => this.#control(id, action))}
        ${this.#button('Remove', name, () => this.#remove(id))}
      </div>
    </li>`
  }

  #waiting(planned: Planned) {
    const name = this.presets.find(({ id }) => id === planned.preset)?.title ?? planned.url ?? ''
    const forget = () => {
      this.planned = this.planned.filter((each) => each !== planned)
    }
    return html`<li>
      <div class="what"><strong>${name}</strong><span class="state">begins with the broadcast</span></div>
      <div class="actions">${this.#button('Remove', name, forget)}</div>
    </li>`
  }

  #button(label: string, name: string, act: () => void) {
    return html`<button type="button" aria-label="${label}: ${name}" @click=${act}>${label}</button>`
  }

  #form() {
    const preset = this.presets.find(({ id }) => id === this.chosen)
    return html`<form @submit=${this.#submit} autocomplete="off">
      <div>
        <label for="platform">Platform</label>
        <select id="platform" @change=${this.#choose}>
          ${this.presets.map(({ id, title }) => html`<option value=${id} ?selected=${id === this.chosen}>${title}</option>`)}
          <option value=${CUSTOM} ?selected=${this.chosen === CUSTOM}>Another RTMP server</option>
        </select>
      </div>
      ${
        preset
          ? html`<p class="quiet">
              ${preset.advice} At most ${preset.videoKbps / 1000} Mbit/s and a keyframe every ${preset.keyframeSeconds} s.
              <a href=${preset.keyAt} target="_blank" rel="noreferrer">Find your key</a>
            </p>`
          : html`<div>
              <label for="url">Address</label>
              <input id="url" type="text" required spellcheck="false" placeholder="rtmps://live.example.org/app" />
            </div>`
      }
      <div>
        <label for="key">Stream key</label>
        <input id="key" type="password" required autocomplete="off" aria-describedby="key-rule" />
        <p class="quiet" id="key-rule">It is never shown again, and goes to this server alone.</p>
      </div>
      <button type="submit">Add</button>
    </form>`
  }

  readonly #choose = (event: Event): void => {
    this.chosen = (event.target as HTMLSelectElement).value
  }

  readonly #submit = (event: Event): void => {
    event.preventDefault()
    const read = (id: string) => this.renderRoot.querySelector<HTMLInputElement>(`#${id}`)?.value.trim() ?? ''
    const place = this.chosen === CUSTOM ? { url: read('url') } : { preset: this.chosen }
    const planned = { ...place, key: read('key') }
    const form = event.target as HTMLFormElement
    form.reset()
    this.problem = ''
    if (this.live && this.bearer !== null) void this.#add(planned)
    else this.planned = [...this.planned, planned]
  }

  async #loadPresets(): Promise<void> {
    const answer = await listPresets({ baseUrl: this.server }).catch(() => null)
    if (answer?.status !== 200) return
    this.presets = answer.data.presets
    this.chosen = this.presets[0]?.id ?? CUSTOM
  }

  /** One after the other. What is not taken stays, to be tried again or removed. */
  async #addPlanned(): Promise<void> {
    if (this.#adding) return
    this.#adding = true
    try {
      for (const each of this.planned) {
        if (!(await this.#add(each))) return
        this.planned = this.planned.filter((other) => other !== each)
      }
    } finally {
      this.#adding = false
    }
  }

  /** Whether there is nothing more to do about it. */
  async #add(planned: Planned): Promise<boolean> {
    const adding = addTarget(this.stream, planned, this.#options).then((answer) => {
      if (answer.status === 201) this.#added.set(answer.data.id, planned)
      return answer
    })
    const answer = await this.#do(adding, 201)
    // What is wrong with it stays wrong.
    return answer === null || (answer >= 400 && answer < 500 && answer !== 429)
  }

  async #control(id: string, action: 'pause' | 'resume' | 'retry'): Promise<void> {
    await this.#do(controlTarget(this.stream, id, action, this.#options), 200)
  }

  async #remove(id: string): Promise<void> {
    const failed = await this.#do(removeTarget(this.stream, id, this.#options), 204)
    if (failed === null) this.#added.delete(id)
  }

  /** Says why something was not done. Gives the status, or null where it was done. */
  async #do(call: Promise<{ status: number; data?: unknown }>, done: number): Promise<number | null> {
    const { status, data } = await call.catch(() => ({ status: 0, data: null }))
    this.problem = status === done ? '' : messageOf(data)
    return status === done ? null : status
  }

  get #options() {
    return { baseUrl: this.server, headers: { authorization: `Bearer ${this.bearer}` } }
  }
}

customElements.define('castgate-targets', Targets)
