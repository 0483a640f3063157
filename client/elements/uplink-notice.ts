import { html, nothing, type TemplateResult } from 'lit'
import type { BroadcasterStats } from '../broadcaster.ts'

/** From when on the page says that viewers are behind, and that the room for what waits is nearly full. */
const BEHIND_S = 3
const NEARLY_FULL = 0.75

/** Says what a slow uplink means for the viewers; nothing while all is well. `qualityId` is the quality that the person chose. */
export function uplinkNotice(stats: BroadcasterStats, qualityId: string): TemplateResult | typeof nothing {
  const { secondsBehind, spoolUsed, secondsLost, quality } = stats
  const words: string[] = []
  if (quality && quality.id !== qualityId) words.push(`The uplink is slow: the picture is ${quality.label} for now.`)
  if (secondsBehind > BEHIND_S) words.push(`Viewers are ${Math.round(secondsBehind)} s behind. Nothing is lost.`)
  if (spoolUsed > NEARLY_FULL) words.push('The room for what waits is nearly full.')
  if (secondsLost > 0) words.push(`${secondsLost} s could not be sent and are lost.`)
  return words.length === 0 ? nothing : html`<p class="card notice" role="status">${words.join(' ')}</p>`
}
