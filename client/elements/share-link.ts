import { css, html, LitElement } from 'lit'
import { theme } from './theme.ts'

/** How long "Copied" stays. */
const NOTICE_MS = 2_000

/** A link to share, or code to paste, with a button that copies it. Attributes: `label`, and `url` or `code`. */
export class ShareLink extends LitElement {
  static override properties = { label: {}, url: {}, code: {}, notice: { state: true } }
  declare label: string
  declare url: string
  declare code: string
  declare notice: string
  #timer = 0

  constructor() {
    super()
    this.label = ''
    this.url = ''
    this.code = ''
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

      code {
        font-family: ui-monospace, 'Cascadia Mono', Menlo, Consolas, monospace;
      }

      :is(a, code) {
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
        ${this.code ? html`<code title=${this.code}>${this.code}</code>` : html`<a href=${this.url} target="_blank" rel="noreferrer" aria-describedby="label">${this.url}</a>`}
        <button type="button" aria-label="Copy the ${this.label}${this.code ? '' : ' link'}" @click=${this.#copy}>${this.notice || 'Copy'}</button>
      </div>
      <span role="status" class="quiet" hidden>${this.notice}</span>`
  }

  readonly #copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(this.code || this.url)
      this.notice = 'Copied'
    } catch {
      // Without the right to the clipboard the link can be selected.
      const link = this.renderRoot.querySelector('a, code')
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
