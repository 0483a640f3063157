import { html, nothing, type TemplateResult } from 'lit'
import { stateBadge } from '../elements/state-badge.ts'
import type { Words } from '../words/words.ts'
import type { Problem } from './problem.ts'
import type { Publisher } from './publisher.ts'

/** Buttons with other devices; a select has them all. */
const MAX_OFFERS = 3

/** The picture of what is broadcast, or what to do to get one; a file can be dropped on it. */
export function preview(publisher: Publisher, words: Words): TemplateResult {
  const { stream, kind } = publisher.source
  const { countdown } = publisher
  const hasPicture = publisher.card === null && (stream?.getVideoTracks().length ?? 0) > 0
  const isMirrored = kind === 'camera' && !facesAway(stream)
  return html`<div part="preview" class="preview" @dragover=${dragOver} @dragleave=${dragLeave} @drop=${drop}>
    <video
      part="video"
      class=${isMirrored ? 'mirrored' : ''}
      aria-label=${words.preview}
      .srcObject=${stream}
      ?hidden=${!hasPicture}
      @resize=${fitBox}
      @loadedmetadata=${fitBox}
      autoplay
      playsinline
      .muted=${true}
    ></video>
    ${hasPicture ? nothing : html`<div class="empty">${emptyPreview(publisher, words)}</div>`}
    ${countdown === null ? nothing : html`<div class="countdown" role="timer"><p class="sr">${words.liveIn(countdown)}</p><span aria-hidden="true">${countdown}</span></div>`}
    <div class="badges" role="status">${stateBadge(publisher.state, words)}</div>
  </div>`

  function dragOver(event: DragEvent): void {
    if (publisher.opening || !event.dataTransfer?.types.includes('Files')) return
    event.preventDefault()
    mark(event, true)
  }

  function dragLeave(event: DragEvent): void {
    mark(event, false)
  }

  function drop(event: DragEvent): void {
    event.preventDefault()
    mark(event, false)
    const [file] = event.dataTransfer?.files ?? []
    if (file && !publisher.opening) void publisher.openFile(file)
  }
}

/** The words for a problem, in the page's language where it has them, and what can be chosen in the place of what is missing. */
export function problemText(publisher: Publisher, words: Words): TemplateResult {
  const { errors } = words
  const { problem } = publisher
  const text = problem && (Object.hasOwn(errors, problem.code) ? errors[problem.code] : problem.message)
  return html`<div role="alert" part="problem">${text ? html`<p class="alert">${text}</p>` : nothing}</div>
    ${problem?.offers ? html`<div class="offers">${offers(publisher, problem.offers, words)}</div>` : nothing}`
}

function offers(publisher: Publisher, what: NonNullable<Problem['offers']>, words: Words): TemplateResult[] {
  if (what === 'screen') {
    return [html`<button type="button" @click=${() => void publisher.open()}>${words.anotherScreen}</button>`]
  }
  const { cameras, microphones } = publisher.source
  const devices = what === 'camera' ? cameras : microphones
  const choose = (id: string) => () => publisher.chooseDevice(what, id)
  return devices
    .slice(0, MAX_OFFERS)
    .map(({ id, label }) => html`<button type="button" @click=${choose(id)}>${label}</button>`)
}

/** Whether a camera looks at what is before the person, and not at them: what it sees is not mirrored. */
function facesAway(stream: MediaStream | null): boolean {
  return stream?.getVideoTracks()[0]?.getSettings().facingMode === 'environment'
}

/** Gives the box the shape of a picture that stands upright. */
function fitBox(event: Event): void {
  const video = event.currentTarget as HTMLVideoElement
  const isUpright = video.videoHeight > video.videoWidth
  video.parentElement?.classList.toggle('upright', isUpright)
}

function emptyPreview(publisher: Publisher, words: Words): TemplateResult {
  if (publisher.opening) return html`<p>${words.opening}</p>`
  if (publisher.card !== null) return html`<p class="shown">${publisher.card}</p>`
  if (publisher.source.isOpen) return html`<p>${words.soundOnly}</p>`
  const open = () => void publisher.open()
  switch (publisher.kind) {
    case 'camera':
      return html`<p>${words.cameraHint}</p><button type="button" @click=${open}>${words.openCamera}</button>`
    case 'screen':
      return html`<p>${words.screenHint}</p><button type="button" @click=${open}>${words.chooseScreen}</button>`
    case 'file':
      return html`<p>${words.fileHint}</p><button type="button" @click=${askForFile}>${words.chooseFile}</button>`
    case 'stream':
      return html``
  }
}

/** Opens the file field of the settings, which are in the same tree. */
function askForFile(event: Event): void {
  const root = (event.target as Element).getRootNode() as ShadowRoot
  root.querySelector<HTMLInputElement>('#file')?.click()
}

function mark(event: Event, dropping: boolean): void {
  ;(event.currentTarget as Element).classList.toggle('dropping', dropping)
}
