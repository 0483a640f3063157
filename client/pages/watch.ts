import { css, html, LitElement, nothing } from 'lit'
import { parseStreamStatus } from '../../shared/status.ts'
import '../elements/share-link.ts'
import { theme } from '../elements/theme.ts'
import { type Playback, playHls } from '../player/playback.ts'

/** How often the page asks whether the stream has begun. */
const ASK_MS = 2_000

type WatchState =
  /** The stream is not there yet. */
  | { kind: 'waiting' }
  | { kind: 'playing' }
  /** It was there, and is over; the page waits for it to come back. */
  | { kind: 'ended' }
  /** It is there, and this browser does not play it; the page tries again. */
  | { kind: 'failed' }

/** The watch page: waits for a stream, plays it, and waits again when it is over. */
export class Watch extends LitElement {
  static override properties = { state: { state: true }, muted: { state: true } }
  declare state: WatchState
  declare muted: boolean
  readonly #name = decodeURIComponent(location.pathname.split('/').at(-1) ?? '')
  #playback: Playback | null = null
  #timer = 0

  constructor() {
    super()
    this.state = { kind: 'waiting' }
    this.muted = true
    document.title = `${this.#name} — Castgate`
  }

  override firstUpdated(): void {
    void this.#ask()
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback()
    clearTimeout(this.#timer)
    this.#playback?.close()
  }

  override render() {
    const playing = this.state.kind === 'playing'
    const hls = new URL(`/hls/${this.#name}.m3u8`, location.href).href
    return html`
      <main>
        <div class="stage">
          <video aria-label="Live video of ${this.#name}" ?hidden=${!playing} ?controls=${playing} autoplay playsinline .muted=${this.muted} @volumechange=${this.#volumeChanged}></video>
          ${playing ? nothing : html`<div class="empty" role="status">${this.#waitingWords()}</div>`}
          <div class="badges">
            ${playing ? html`<span class="badge live"><span class="dot"></span>LIVE</span>` : nothing}
            ${playing && this.muted ? html`<button type="button" class="unmute" @click=${this.#unmute}>Turn on sound</button>` : nothing}
          </div>
        </div>
        <div class="about">
          <h1>${this.#name}</h1>
          <p class="quiet">${playing ? 'Live now' : 'Not live'}</p>
        </div>
        <div class="card links">
          <castgate-link label="Watch page" url=${location.href}></castgate-link>
          <castgate-link label="HLS" url=${hls}></castgate-link>
        </div>
      </main>
    `
  }

  #waitingWords() {
    if (this.state.kind === 'failed') {
      return html`<p class="big">This browser cannot play the broadcast</p><p>The page tries again. A player such as VLC opens the HLS link below.</p>`
    }
    return this.state.kind === 'ended'
      ? html`<p class="big">The broadcast has ended</p><p>If it comes back, it starts here by itself.</p>`
      : html`<p class="big">Waiting for the broadcast</p><p>It starts here by itself as soon as it begins.</p>`
  }

  /** Asks for the stream and its playlist, and plays once both are there. */
  async #ask(): Promise<void> {
    if (this.#playback) return
    const hls = await this.#liveHls()
    if (hls === null) this.#askLater()
    else await this.#play(hls)
  }

  #askLater(): void {
    this.#timer = window.setTimeout(() => void this.#ask(), ASK_MS)
  }

  async #liveHls(): Promise<string | null> {
    try {
      const answer = await fetch(`/api/streams/${this.#name}`)
      const stream: unknown = answer.ok ? await answer.json() : null
      const live = parseStreamStatus(stream)
      if (live?.state !== 'live') return null
      const playlist = await fetch(live.playback.hls)
      return playlist.ok ? live.playback.hls : null
    } catch {
      // The server is not there now; it may be at the next question.
      return null
    }
  }

  async #play(url: string): Promise<void> {
    const video = this.renderRoot.querySelector('video')
    if (!video) return
    try {
      this.#playback = await playHls(video, url, (reason) => this.#stopped(reason))
    } catch {
      // The player itself could not be loaded: the server may be going.
      return this.#stopped('failed')
    }
    this.state = { kind: 'playing' }
    // Browsers may allow it with sound turned off alone, and some not even that: then the controls start it.
    await video.play().catch(() => {})
  }

  #stopped(reason: 'ended' | 'failed'): void {
    this.#playback?.close()
    this.#playback = null
    this.state = { kind: reason }
    this.#askLater()
  }

  readonly #unmute = (): void => {
    this.muted = false
  }

  readonly #volumeChanged = (event: Event): void => {
    this.muted = (event.target as HTMLVideoElement).muted
  }

  static override styles = [
    theme,
    css`
      :host {
        display: block;
        max-width: 70rem;
        margin: 0 auto;
        padding: clamp(0.5rem, 2vw, 1.5rem);
      }

      main {
        display: grid;
        gap: 1rem;
      }

      .stage {
        position: relative;
        aspect-ratio: 16 / 9;
        background: #0d0e10;
        color: #e9eaee;
        border-radius: var(--cg-radius);
        overflow: hidden;
      }

      video {
        display: block;
        width: 100%;
        height: 100%;
        object-fit: contain;
      }

      video[hidden] {
        display: none;
      }

      .empty {
        position: absolute;
        inset: 0;
        display: grid;
        place-content: center;
        gap: 0.35rem;
        padding: 1rem;
        text-align: center;
        color: #b8bcc5;
      }

      .big {
        font-size: clamp(1.1rem, 3vw, 1.6rem);
        font-weight: 650;
        color: #f3f4f6;
      }

      .badges {
        position: absolute;
        top: 0.8rem;
        left: 0.8rem;
        display: flex;
        gap: 0.5rem;
        align-items: center;
      }

      .unmute {
        min-height: 2.25rem;
        color: #17181a;
        background: #fff;
        border: 0;
      }

      .about {
        display: flex;
        gap: 0.8rem;
        align-items: baseline;
        padding: 0 0.25rem;
      }

      h1 {
        font-size: 1.35rem;
        overflow-wrap: anywhere;
      }

      .links {
        display: grid;
        gap: 0.9rem;
        grid-template-columns: repeat(auto-fit, minmax(16rem, 1fr));
      }
    `,
  ]
}

customElements.define('castgate-watch', Watch)
