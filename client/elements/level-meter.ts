import { css, html, LitElement } from 'lit'

/** Shows how loud a sound is. Property `read`: gives that from 0 to 1, and is called for each frame; attribute `label`: what a screen reader calls it. */
export class LevelMeterElement extends LitElement {
  static override properties = { read: { attribute: false }, label: {}, level: { state: true } }
  declare read: () => number
  declare label: string
  declare level: number
  #frame = 0

  constructor() {
    super()
    this.read = () => 0
    this.label = 'Sound level'
    this.level = 0
  }

  static override styles = css`
    :host {
      display: block;
    }

    .meter {
      position: relative;
      height: 0.5rem;
      border-radius: 99px;
      background: linear-gradient(90deg, var(--cg-good) 70%, var(--cg-warn) 85%, var(--cg-accent));
      overflow: hidden;
    }

    /* What is not reached: the colours below stand still. */
    .rest {
      position: absolute;
      inset: 0;
      transform-origin: right;
      background: var(--cg-raised);
    }
  `

  override connectedCallback(): void {
    super.connectedCallback()
    this.#draw()
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback()
    cancelAnimationFrame(this.#frame)
    this.level = 0
  }

  override render() {
    const percent = Math.round(this.level * 100)
    return html`<div class="meter" role="meter" aria-label=${this.label} aria-valuenow=${percent} aria-valuemin="0" aria-valuemax="100">
      <div class="rest" .style=${`transform: scaleX(${1 - this.level})`}></div>
    </div>`
  }

  #draw(): void {
    // It rises at once and falls slowly, which is easier to watch.
    const level = Math.max(this.read(), this.level * 0.9)
    this.level = level < 0.001 ? 0 : level
    this.#frame = requestAnimationFrame(() => this.#draw())
  }
}

customElements.define('castgate-level', LevelMeterElement)
