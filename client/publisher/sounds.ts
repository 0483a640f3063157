import { html, type TemplateResult } from 'lit'
import '../elements/level-meter.ts'
import type { SoundName } from '../scene/mixer.ts'
import type { Words } from '../words/words.ts'
import type { Publisher } from './publisher.ts'

/** A strip for each sound that there is: how loud it is, and a button that turns it off. */
export function soundStrips(publisher: Publisher, words: Words): TemplateResult[] {
  const { sounds } = publisher
  return sounds.map((name, index) => strip(publisher, name, words, sounds.length > 1 ? index : null))
}

/** `index` is null for the only sound, which needs no name. */
function strip(publisher: Publisher, name: SoundName, words: Words, index: number | null): TemplateResult {
  const muted = publisher.isMuted(name)
  const label = index === null ? null : labelOf(name, words)
  return html`<div class="sound">
    ${label === null ? '' : html`<span class="quiet">${label}</span>`}
    <castgate-level
      .read=${() => publisher.level(name)}
      label=${label === null ? words.soundLevel : `${words.soundLevel}: ${label}`}
    ></castgate-level>
    <button
      type="button"
      class=${muted ? 'muted' : ''}
      aria-pressed=${muted}
      aria-label=${index === null || index === 0 ? words.mute : `${words.mute}: ${label}`}
      @click=${() => publisher.muteSound(name, !muted)}
    >
      ${words.mute}
    </button>
  </div>`
}

function labelOf(name: SoundName, words: Words): string {
  return name === 'page' ? words.sound : words[name]
}
