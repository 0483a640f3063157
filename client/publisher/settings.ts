import { html, type TemplateResult } from 'lit'
import { isStreamName, STREAM_NAME_RULE } from '../../shared/stream-name.ts'
import type { Device } from '../capture/devices.ts'
import { QUALITIES } from '../record/quality.ts'
import type { DeviceChoice, SourceKind } from './studio-source.ts'

/** What the settings show. */
export interface SettingsView {
  kind: SourceKind
  /** A source is being opened: nothing else can be chosen meanwhile. */
  opening: boolean
  /** A broadcast runs: all but its name can be changed. */
  live: boolean
  hasSource: boolean
  cameras: Device[]
  microphones: Device[]
  choice: DeviceChoice
  qualityId: string
  name: string
}

/** What a person does with them. */
export interface SettingsActions {
  chooseKind(kind: SourceKind): void
  chooseDevice(which: 'camera' | 'microphone', id: string): void
  chooseScreen(): void
  chooseFile(file: File): void
  chooseQuality(id: string): void
  changeName(name: string): void
}

const SOURCES: readonly { kind: SourceKind; label: string }[] = [
  { kind: 'camera', label: 'Camera' },
  { kind: 'screen', label: 'Screen' },
  { kind: 'file', label: 'File' },
]

/** The settings of the studio: source, devices, quality, name. */
export function settings(view: SettingsView, actions: SettingsActions): TemplateResult {
  return html`${sourceChoice(view, actions)} ${sourceDetails(view, actions)} ${qualityChoice(view, actions)} ${nameField(view, actions)}`
}

function sourceChoice(view: SettingsView, actions: SettingsActions): TemplateResult {
  const option = ({ kind, label }: (typeof SOURCES)[number]) => html`<label class="segment">
    <span
      >${label}<input
        type="radio"
        name="source"
        value=${kind}
        .checked=${view.kind === kind}
        @change=${() => actions.chooseKind(kind)}
    /></span>
  </label>`
  return html`<fieldset ?disabled=${view.opening}>
    <legend class="label">Source</legend>
    <div class="segments">${SOURCES.map(option)}</div>
  </fieldset>`
}

function sourceDetails(view: SettingsView, actions: SettingsActions): TemplateResult {
  switch (view.kind) {
    case 'camera':
      return html`${deviceField('camera', 'Camera', view.cameras, view, actions)}
      ${deviceField('microphone', 'Microphone', view.microphones, view, actions)}`
    case 'screen':
      return html`<button type="button" ?disabled=${view.opening} @click=${() => actions.chooseScreen()}>
        ${view.hasSource ? 'Choose another screen' : 'Choose a screen'}
      </button>`
    case 'file':
      return html`<div>
        <label for="file">Video file</label>
        <input id="file" type="file" accept="video/*,audio/*,.mkv" ?disabled=${view.opening} @change=${chosen} />
      </div>`
  }

  function chosen(event: Event): void {
    const [file] = (event.target as HTMLInputElement).files ?? []
    if (file) actions.chooseFile(file)
  }
}

function deviceField(
  which: 'camera' | 'microphone',
  label: string,
  devices: Device[],
  { opening, choice }: SettingsView,
  actions: SettingsActions,
): TemplateResult {
  const choose = (event: Event) => actions.chooseDevice(which, valueFrom(event))
  return html`<div>
    <label for=${which}>${label}</label>
    <select id=${which} ?disabled=${opening} @change=${choose}>
      <option value="">${devices.length > 0 ? 'Chosen by the browser' : `Default ${label.toLowerCase()}`}</option>
      ${devices.map(({ id, label }) => html`<option value=${id} ?selected=${choice[which] === id}>${label}</option>`)}
      <option value="none" ?selected=${choice[which] === 'none'}>No ${label.toLowerCase()}</option>
    </select>
  </div>`
}

function qualityChoice({ opening, qualityId }: SettingsView, actions: SettingsActions): TemplateResult {
  return html`<div>
    <label for="quality">Quality</label>
    <select id="quality" ?disabled=${opening} @change=${(event: Event) => actions.chooseQuality(valueFrom(event))}>
      ${QUALITIES.map(({ id, label }) => html`<option value=${id} ?selected=${id === qualityId}>${label}</option>`)}
    </select>
  </div>`
}

function nameField({ name, live }: SettingsView, actions: SettingsActions): TemplateResult {
  const valid = isStreamName(name)
  return html`<div>
    <label for="name">Stream name</label>
    <input
      id="name"
      type="text"
      autocomplete="off"
      autocapitalize="none"
      spellcheck="false"
      maxlength="64"
      aria-invalid=${valid ? 'false' : 'true'}
      aria-describedby="name-rule"
      .value=${name}
      ?disabled=${live}
      @input=${(event: Event) => actions.changeName(valueFrom(event).trim())}
    />
    <p class="quiet" id="name-rule">${valid ? 'It becomes part of the links.' : `Use ${STREAM_NAME_RULE}.`}</p>
  </div>`
}

function valueFrom(event: Event): string {
  return (event.target as HTMLInputElement | HTMLSelectElement).value
}
