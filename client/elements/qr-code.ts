import { css, html, LitElement, svg } from 'lit'
import { encode } from 'uqr'

/** A link as a QR code, for a phone's camera. Attribute: `url`. */
export class QrCode extends LitElement {
  static override properties = { url: {} }
  declare url: string

  constructor() {
    super()
    this.url = ''
  }

  static override styles = css`
    svg {
      display: block;
      width: 100%;
      height: auto;
      border-radius: 10px;
    }
  `

  override render() {
    const { size, data } = encode(this.url, { border: 3 })
    const dark = data.flatMap((row, y) => row.flatMap((isDark, x) => (isDark ? [`M${x} ${y}h1v1h-1z`] : [])))
    // Cameras want dark on light, at night as well.
    return html`<svg viewBox="0 0 ${size} ${size}" role="img" aria-label="QR code of ${this.url}" shape-rendering="crispEdges">
      ${svg`<rect width=${size} height=${size} fill="#fff" /><path d=${dark.join('')} fill="#000" />`}
    </svg>`
  }
}

customElements.define('castgate-qr', QrCode)
