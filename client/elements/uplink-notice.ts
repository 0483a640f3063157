import { html, nothing, type TemplateResult } from 'lit'
import type { BroadcasterStats } from '../broadcaster-state.ts'
import type { Words } from '../words/words.ts'

/** From when on the page says that viewers are behind, and that the room for what waits is nearly full. */
const BEHIND_S = 3
const NEARLY_FULL = 0.75

/** Says what a slow uplink means for the viewers; nothing while all is well. `qualityId` is the quality that the person chose. */
export function uplinkNotice(
  stats: BroadcasterStats,
  qualityId: string,
  words: Words,
): TemplateResult | typeof nothing {
  const { secondsBehind, spoolUsed, secondsLost, quality } = stats
  const sentences: string[] = []
  if (quality && quality.id !== qualityId) sentences.push(words.slowUplink(quality.label))
  if (secondsBehind > BEHIND_S) sentences.push(words.behind(Math.round(secondsBehind)))
  if (spoolUsed > NEARLY_FULL) sentences.push(words.nearlyFull)
  if (secondsLost > 0) sentences.push(words.lost(secondsLost))
  return sentences.length === 0 ? nothing : html`<p class="card notice" role="status">${sentences.join(' ')}</p>`
}
