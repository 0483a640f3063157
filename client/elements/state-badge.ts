import { html, nothing, type TemplateResult } from 'lit'
import type { BroadcasterState } from '../broadcaster-state.ts'
import type { Words } from '../words/words.ts'
import { clock } from './format.ts'

/** Says what a broadcast does now, and how long it has been live; nothing where there is none. */
export function stateBadge(state: BroadcasterState | null, words: Words): TemplateResult | typeof nothing {
  switch (state?.kind) {
    case 'connecting':
      return html`<span class="badge"><span class="dot"></span>${words.connecting}</span>`
    case 'live':
      // A screen reader would read each second of the time.
      return html`<span class="badge live"><span class="dot"></span>${words.live}</span
        ><span class="badge" aria-hidden="true">${clock(performance.now() - state.since)}</span>`
    case 'reconnecting':
      return html`<span class="badge waiting"><span class="dot"></span>${words.reconnecting}</span>`
    case 'ending':
      return html`<span class="badge"><span class="dot"></span>${words.ending}</span>`
    default:
      return nothing
  }
}
