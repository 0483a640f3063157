import { css, html, LitElement } from 'lit'
import { type LevelMeter, measureLevel } from '../capture/level.ts'

/** Shows how loud a stream is. Property `stream`: a MediaStream, or null; attribute `label`: what a screen reader calls it. */
export class LevelMeterElement extends LitElement {
  static override properties = { stream: { attribute: false }, label: {}, level: { state: true } }
  declare stream: MediaStream | null
  declare label: string
  declare level: number
  #meter: LevelMeter | null = null
  #frame = 0

  constructor() {
    super()
    this.stream = null
    this.label = 'Sound level'
    this.level = 0
  }

  static override styles = css`
    .meter {
      height: 0.5rem;
      border-radius: 99px;
      background: var(--cg-raised);
      overflow: hidden;
    }

    .bar {
      height: 100%;
      width: 100%;
      transform-origin: left;
      border-radius: inherit;
      background: linear-gradient(90deg, var(--cg-good) 70%, var(--cg-warn) 85%, var(--cg-accent));
    }
  `

  override disconnectedCallback(): void {
    super.disconnectedCallback()
    this.#stop()
  }

  override updated(changed: Map<string, unknown>): void {
    if (!changed.has('stream')) return
    this.#stop()
    this.#meter = this.stream && measureLevel(this.stream)
    if (this.#meter) this.#read()
  }

  override render() {
    const percent = Math.round(this.level * 100)
    return html`<div class="meter" role="meter" aria-label=${this.label} aria-valuenow=${percent} aria-valuemin="0" aria-valuemax="100">
      <div class="bar" .style=${`transform: scaleX(${this.level})`}></div>
    </div>`
  }

  #read(): void {
    const level = this.#meter?.read() ?? 0
    // It rises at once and falls slowly, which is easier to watch.
    this.level = Math.max(level, this.level * 0.9)
    this.#frame = requestAnimationFrame(() => this.#read())
  }

  #stop(): void {
    cancelAnimationFrame(this.#frame)
    this.#meter?.close()
    this.#meter = null
    this.level = 0
  }
}

customElements.define('castgate-level', LevelMeterElement)
