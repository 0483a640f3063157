import { html, nothing, type TemplateResult } from 'lit'
import type { Device } from '../capture/devices.ts'
import { QUALITIES } from '../record/quality.ts'
import type { Words } from '../words/words.ts'
import type { Publisher } from './publisher.ts'
import type { SourceKind } from './source.ts'

const SOURCES = ['camera', 'screen', 'file'] as const satisfies readonly SourceKind[]

/** The choice of a source: camera, screen or file. */
export function sourceChoice(publisher: Publisher, words: Words): TemplateResult {
  const option = (kind: (typeof SOURCES)[number]) => html`<label class="segment">
    <span
      >${words[kind]}<input
        type="radio"
        name="source"
        value=${kind}
        .checked=${publisher.kind === kind}
        @change=${() => publisher.choose(kind)}
    /></span>
  </label>`
  return html`<fieldset ?disabled=${publisher.opening}>
    <legend class="label">${words.source}</legend>
    <div class="segments">${SOURCES.map(option)}</div>
  </fieldset>`
}

/** What can be chosen of the source: devices, a screen, a file. */
export function sourceDetails(publisher: Publisher, words: Words): TemplateResult {
  const { opening, source } = publisher
  switch (publisher.kind) {
    case 'camera':
      return html`${deviceField('camera', source.cameras, words.noCamera, publisher, words)}
      ${microphoneFields(publisher, words)}`
    case 'screen':
      return html`${microphoneFields(publisher, words)}<button type="button" ?disabled=${opening} @click=${() => void publisher.open()}>
        ${source.kind === 'screen' && source.stream ? words.anotherScreen : words.chooseScreen}
      </button>`
    case 'file':
      return html`${source.microphone ? microphoneFields(publisher, words) : nothing}<div>
        <label for="file">${words.videoFile}</label>
        <input id="file" type="file" accept="video/*,audio/*,.mkv" ?disabled=${opening} @change=${chosen} />
      </div>`
    case 'stream':
      return html``
  }

  function chosen(event: Event): void {
    const [file] = (event.target as HTMLInputElement).files ?? []
    if (file) void publisher.openFile(file)
  }
}

/** The choice of a quality. */
export function qualityChoice(publisher: Publisher, words: Words): TemplateResult {
  const { opening, qualityId } = publisher
  return html`<div>
    <label for="quality">${words.quality}</label>
    <select id="quality" ?disabled=${opening} @change=${(event: Event) => publisher.chooseQuality(valueFrom(event))}>
      ${QUALITIES.map(({ id, label }) => html`<option value=${id} ?selected=${id === qualityId}>${label}</option>`)}
    </select>
  </div>`
}

/** What a field holds. */
export function valueFrom(event: Event): string {
  return (event.target as HTMLInputElement | HTMLSelectElement).value
}

/** Which microphone, and what it hears. */
function microphoneFields(publisher: Publisher, words: Words): TemplateResult {
  const { choice, opening, source } = publisher
  const option = (music: boolean, label: string) => html`<label class="segment">
    <span
      >${label}<input
        type="radio"
        name="music"
        .checked=${choice.music === music}
        @change=${() => publisher.chooseMusic(music)}
    /></span>
  </label>`
  return html`${deviceField('microphone', source.microphones, words.noMicrophone, publisher, words)}
    ${
      choice.microphone === 'none'
        ? nothing
        : html`<fieldset ?disabled=${opening}>
            <legend class="label">${words.microphoneHears}</legend>
            <div class="segments">${option(false, words.speech)}${option(true, words.music)}</div>
          </fieldset>`
    }`
}

function deviceField(
  which: 'camera' | 'microphone',
  devices: Device[],
  none: string,
  publisher: Publisher,
  words: Words,
): TemplateResult {
  const chosen = publisher.choice[which]
  const choose = (event: Event) => publisher.chooseDevice(which, valueFrom(event))
  return html`<div>
    <label for=${which}>${words[which]}</label>
    <select id=${which} ?disabled=${publisher.opening} @change=${choose}>
      <option value="">${words.chosenByBrowser}</option>
      ${devices.map(({ id, label }) => html`<option value=${id} ?selected=${chosen === id}>${label}</option>`)}
      <option value="none" ?selected=${chosen === 'none'}>${none}</option>
    </select>
  </div>`
}
