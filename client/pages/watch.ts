import { css, html, LitElement } from 'lit'
import { type StreamStatus, viewersInAll } from '../../shared/status.ts'
import '../elements/qr-code.ts'
import '../elements/share-link.ts'
import { theme } from '../elements/theme.ts'
import '../player/player.ts'
import { readToken } from '../page-facts.ts'
import { readWatchAddress } from '../player/stream.ts'
import { playerSnippets } from './snippets.ts'

/** The watch page: the player, how many watch, and what to share. */
export class Watch extends LitElement {
  static override properties = { stream: { state: true } }
  declare stream: StreamStatus | null
  readonly #address = readWatchAddress(location.href, location.href) ?? {
    server: location.origin,
    name: '',
    token: null,
  }

  constructor() {
    super()
    this.stream = null
    document.title = `${this.#address.name} — Castgate`
  }

  override render() {
    const { server, name } = this.#address
    const watch = `${server}/watch/${name}`
    const embed = playerSnippets(server, name)
    const methods = new URLSearchParams(location.search).get('methods') ?? ''
    return html`
      <main>
        <castgate-player src=${watch} token=${readToken() ?? ''} methods=${methods} @castgate-stream=${this.#told}></castgate-player>
        <div class="about">
          <h1>${name}</h1>
          <p class="quiet" role="status">${stateWords(this.stream)}</p>
        </div>
        <div class="card share">
          <div class="links">
            <castgate-link label="Watch page" url=${watch}></castgate-link>
            <castgate-link label="HLS, for any player" url="${server}/hls/${name}.m3u8"></castgate-link>
            <castgate-link label="HTTP-FLV, with less delay" url="${server}/live/${name}.flv"></castgate-link>
            <castgate-link label="Embed code" code=${embed.script}></castgate-link>
            <castgate-link label="Embed code for a frame" code=${embed.frame}></castgate-link>
          </div>
          <castgate-qr url=${watch}></castgate-qr>
        </div>
      </main>
    `
  }

  readonly #told = (event: CustomEvent<StreamStatus | null>): void => {
    this.stream = event.detail
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

      castgate-player {
        max-height: calc(100vh - 9rem);
        width: 100%;
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

      .share {
        display: grid;
        grid-template-columns: minmax(0, 1fr) 9.5rem;
        gap: 1.2rem;
        align-items: start;
      }

      .links {
        display: grid;
        gap: 0.9rem;
        grid-template-columns: repeat(auto-fit, minmax(min(100%, 18rem), 1fr));
      }

      @media (width < 40rem) {
        .share {
          grid-template-columns: minmax(0, 1fr);
        }

        castgate-qr {
          max-width: 11rem;
        }
      }
    `,
  ]
}

function stateWords(stream: StreamStatus | null): string {
  if (!stream) return 'Not live'
  const viewers = viewersInAll(stream.viewers)
  return `Live now · ${viewers} ${viewers === 1 ? 'viewer' : 'viewers'}`
}

customElements.define('castgate-watch', Watch)
