import { html, LitElement, nothing } from 'lit'
import { repeat } from 'lit/directives/repeat.js'
import { eventList, problemList, processTable, recordingList } from '../admin/lists.ts'
import { LiveStatus } from '../admin/live-status.ts'
import { streamCard } from '../admin/stream-card.ts'
import { adminStyles } from '../admin/styles.ts'
import {
  deleteRecording,
  listRecordings,
  type Recording,
  startRecording,
  stopRecording,
  stopStream,
} from '../api/gateway-api.ts'
import { messageOf } from '../api/problem.ts'
import { clock, size } from '../elements/format.ts'
import { theme } from '../elements/theme.ts'
import { gatewayOfScript } from '../gateway-url.ts'

const GATEWAY = gatewayOfScript(import.meta.url)
const KEY = 'castgate.admin-key'

/** Links of recordings are good for hours, and recordings grow: they are asked for again now and then, and when something happens. */
const RECORDINGS_MS = 30_000

/** What the API answers besides what was asked for. */
interface Answer {
  status: number
  data?: unknown
}

/** The dashboard: what is wrong, what is live, and what can be done about it. */
export class Admin extends LitElement {
  static override properties = { problem: { state: true }, recordings: { state: true } }
  declare problem: string
  declare recordings: Recording[]
  #key = sessionStorage.getItem(KEY) ?? ''
  #live: LiveStatus | null = null
  #seen = 0
  #isLoading = false
  #isStale = false
  #timer = 0

  static override styles = [theme, adminStyles]

  constructor() {
    super()
    this.problem = ''
    this.recordings = []
    if (this.#key) this.#follow()
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback()
    this.#leave()
  }

  override render() {
    const status = this.#live?.status
    if (!status || this.#live?.state.kind === 'refused') return this.#signIn()
    const { problems, streams, processes, cpu, disk, rtmp, ffmpeg, version, startedAt } = status
    const state = this.#live?.state
    const unreachable =
      state?.kind === 'lost'
        ? [{ severity: 'fault' as const, message: `${state.message} What follows is old.`, stream: null }]
        : []
    return html`
      <header>
        <h1 class="brand">Castgate</h1>
        <p class="quiet">${version}, up for ${clock(Date.now() - Date.parse(startedAt))}, ${rtmp.kind}, FFmpeg ${ffmpeg.version}</p>
        <button type="button" @click=${this.#signOut}>Sign out</button>
      </header>
      <main>
        ${problemList([...unreachable, ...problems])}
        <p role="alert" class=${this.problem ? 'alert' : 'sr'}>${this.problem}</p>
        <section aria-label="Live">
          ${streams.length === 0 ? html`<p class="card quiet">Nobody is broadcasting.</p>` : nothing}
          <div class="streams">
            ${repeat(
              streams,
              ({ id }) => id,
              (stream) => streamCard(stream, this.#live?.beatsOf(stream.name) ?? [], this.#actions),
            )}
          </div>
        </section>
        <div class="columns">
          <section class="card">
            <h2>Recordings</h2>
            ${recordingList(this.recordings, this.#remove)}
          </section>
          <section class="card">
            <h2>Events</h2>
            ${eventList(this.#live?.events ?? [])}
          </section>
          <section class="card">
            <h2>Processes</h2>
            <p class="quiet">
              ${cpu.used.toFixed(1)} of ${cpu.cores} processors used; ${size(disk.freeBytes)} free on the disk
            </p>
            ${processTable(processes)}
          </section>
        </div>
      </main>
    `
  }

  #signIn() {
    const state = this.#live?.state
    const message = state?.kind === 'refused' || state?.kind === 'lost' ? state.message : ''
    return html`<main>
      <form class="card sign-in" @submit=${this.#enter}>
        <h1 class="brand">Castgate</h1>
        <div>
          <label for="key">Admin key</label>
          <input id="key" type="password" autocomplete="current-password" required aria-describedby="key-rule" />
        </div>
        <p class="quiet" id="key-rule">It is the one in CASTGATE_ADMIN_KEY. It stays in this tab.</p>
        <p role="alert" class=${message ? 'alert' : 'sr'}>${message}</p>
        <button type="submit" class="primary">Open the dashboard</button>
      </form>
    </main>`
  }

  readonly #actions = {
    server: GATEWAY,
    get key() {
      return sessionStorage.getItem(KEY) ?? ''
    },
    stop: (stream: string) => {
      if (confirm(`End the broadcast "${stream}" for everyone?`)) void this.#do(stopStream(stream, this.#options))
    },
    record: (stream: string, begin: boolean) => {
      const call = begin ? startRecording : stopRecording
      void this.#do(call(stream, this.#options)).then(() => this.#loadRecordings())
    },
  }

  readonly #remove = (recording: Recording): void => {
    if (!confirm(`Delete the recording of "${recording.stream}" for good?`)) return
    void this.#do(deleteRecording(recording.id, this.#options)).then(() => this.#loadRecordings())
  }

  readonly #enter = (event: Event): void => {
    event.preventDefault()
    this.#key = this.renderRoot.querySelector<HTMLInputElement>('#key')?.value.trim() ?? ''
    sessionStorage.setItem(KEY, this.#key)
    this.#follow()
  }

  readonly #signOut = (): void => {
    sessionStorage.removeItem(KEY)
    this.#key = ''
    this.#leave()
    this.requestUpdate()
  }

  get #options() {
    return { baseUrl: GATEWAY, headers: { authorization: `Bearer ${this.#key}` } }
  }

  #follow(): void {
    this.#leave()
    const live = new LiveStatus(GATEWAY, this.#key)
    this.#live = live
    live.addEventListener('change', () => {
      if (live !== this.#live) return
      const [latest] = live.events
      if (live.status && latest && latest.id !== this.#seen) {
        this.#seen = latest.id
        void this.#loadRecordings()
      }
      this.requestUpdate()
    })
    this.#timer = window.setInterval(() => void this.#loadRecordings(), RECORDINGS_MS)
    void this.#loadRecordings()
  }

  #leave(): void {
    clearInterval(this.#timer)
    this.#live?.close()
    this.#live = null
  }

  /** One question at a time: what happens meanwhile is asked for once more. */
  async #loadRecordings(): Promise<void> {
    this.#isStale = true
    if (this.#isLoading) return
    this.#isLoading = true
    while (this.#isStale) {
      this.#isStale = false
      const answer = await listRecordings(this.#options).catch(() => null)
      if (answer?.status === 200) this.recordings = answer.data.recordings
    }
    this.#isLoading = false
  }

  /** Does something, and says why where it was not done. */
  async #do(call: Promise<Answer>): Promise<void> {
    const answer = await call.catch((): Answer => ({ status: 0 }))
    const done = answer.status >= 200 && answer.status < 300
    this.problem = done ? '' : messageOf(answer.data)
  }
}

customElements.define('castgate-admin', Admin)
