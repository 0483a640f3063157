import { css, html, LitElement, nothing } from 'lit'
import { type StreamStatus, type ViewerStatus, viewersInAll } from '../../shared/status.ts'
import type { BroadcasterStats } from '../broadcaster-state.ts'
import { bitrate, size } from './format.ts'
import { targetWords } from './target-words.ts'
import { theme } from './theme.ts'

/** Shows the figures of a broadcast. Property `stats`: BroadcasterStats. */
export class LiveStats extends LitElement {
  static override properties = { stats: { attribute: false } }
  declare stats: BroadcasterStats | null

  constructor() {
    super()
    this.stats = null
  }

  static override styles = [
    theme,
    css`
      dl {
        display: grid;
        grid-template-columns: auto 1fr;
        gap: 0.35rem 1rem;
        margin: 0;
        font-size: 0.9375rem;
      }

      dt {
        color: var(--cg-quiet);
      }

      dd {
        margin: 0;
        text-align: right;
        font-variant-numeric: tabular-nums;
      }
    `,
  ]

  override render() {
    if (!this.stats) return nothing
    const { bitsPerSecond, unacknowledgedBytes, server } = this.stats
    return html`<dl>
      <dt>Viewers</dt>
      <dd>${server ? viewerWords(server.viewers) : '…'}</dd>
      <dt>Bitrate</dt>
      <dd>${bitrate(bitsPerSecond)}</dd>
      <dt>On its way to the server</dt>
      <dd>${size(unacknowledgedBytes)}</dd>
      <dt>Picture</dt>
      <dd>${server ? pictureWords(server) : '…'}</dd>
      <dt>Sound</dt>
      <dd>${server ? soundWords(server) : '…'}</dd>
      ${server?.targets.map((target) => html`<dt>Target ${target.name}</dt><dd>${targetWords(target)}</dd>`)}
    </dl>`
  }
}

function viewerWords(viewers: ViewerStatus): string {
  const ways = [
    [viewers.flv + viewers.flvWebSocket, 'FLV'],
    [viewers.whep, 'WebRTC'],
    [viewers.rtmp, 'RTMP'],
    [viewers.llHls, 'LL-HLS'],
    [viewers.hls, 'HLS'],
  ] as const
  const used = ways.filter(([count]) => count > 0).map(([count, way]) => `${count} ${way}`)
  return used.length > 0 ? `${viewersInAll(viewers)} (${used.join(', ')})` : '0'
}

function pictureWords({ video }: StreamStatus): string {
  if (!video) return 'none'
  const pixels = video.width > 0 ? `${video.width}×${video.height}, ` : ''
  return video.action === 'copy'
    ? `${pixels}H.264, copied`
    : `${pixels}${video.codec.toUpperCase()}, transcoded to H.264`
}

function soundWords({ audio }: StreamStatus): string {
  switch (audio?.action) {
    case 'copy':
      return 'AAC, copied'
    case 'transcode':
      return `${audio.codec === 'opus' ? 'Opus' : audio.codec}, turned into AAC`
    case 'silence':
      return 'none: silence is added'
    default:
      return '…'
  }
}

customElements.define('castgate-stats', LiveStats)
