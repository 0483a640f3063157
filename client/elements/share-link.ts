import { css, html, LitElement } from 'lit'
import { theme } from './theme.ts'

/** How long "Copied" stays. */
const NOTICE_MS = 2_000

/** A link to share, with a button that copies it. Attributes: `label`, `url`. */
export class ShareLink extends LitElement {
  static override properties = { label: {}, url: {}, notice: { state: true } }
  declare label: string
  declare url: string
  declare notice: string
  #timer = 0

  constructor() {
    super()
    this.label = ''
    this.url = ''
    this.notice = ''
  }

  static override styles = [
    theme,
    css`
      :host {
        display: block;
        min-width: 0;
      }

      .row {
        display: flex;
        gap: 0.5rem;
        align-items: center;
      }

      a {
        flex: 1;
        min-width: 0;
        overflow: hidden;
        text-overflow: ellipsis;
        white-space: nowrap;
        font-size: 0.875rem;
        color: var(--cg-text);
      }

      button {
        flex: none;
        min-width: 5.2rem;
        min-height: 2.5rem;
        font-size: 0.875rem;
      }
    `,
  ]

  override render() {
    return html`<span class="label" id="label">${this.label}</span>
      <div class="row">
        <a href=${this.url} target="_blank" rel="noreferrer" aria-describedby="label">${this.url}</a>
        <button type="button" aria-label="Copy the ${this.label} link" @click=${this.#copy}>${this.notice || 'Copy'}</button>
      </div>
      <span role="status" class="quiet" hidden>${this.notice}</span>`
  }

  readonly #copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(this.url)
      this.notice = 'Copied'
    } catch {
      // Without the right to the clipboard the link can be selected.
      const link = this.renderRoot.querySelector('a')
      if (link) getSelection()?.selectAllChildren(link)
      this.notice = 'Press Ctrl-C'
    }
    clearTimeout(this.#timer)
    this.#timer = window.setTimeout(() => {
      this.notice = ''
    }, NOTICE_MS)
  }
}

customElements.define('castgate-link', ShareLink)
