import { html, nothing, type TemplateResult } from 'lit'
import { stateBadge } from '../elements/state-badge.ts'
import type { Words } from '../words/words.ts'
import type { Problem, Publisher } from './publisher.ts'

/** The picture of what is broadcast, or what to do to get one; a file can be dropped on it. */
export function preview(publisher: Publisher, words: Words): TemplateResult {
  const { stream, kind } = publisher.source
  const hasPicture = (stream?.getVideoTracks().length ?? 0) > 0
  return html`<div part="preview" class="preview" @dragover=${dragOver} @dragleave=${dragLeave} @drop=${drop}>
    <video
      part="video"
      class=${kind === 'camera' ? 'mirrored' : ''}
      aria-label=${words.preview}
      .srcObject=${stream}
      ?hidden=${!hasPicture}
      autoplay
      playsinline
      .muted=${true}
    ></video>
    ${hasPicture ? nothing : html`<div class="empty">${emptyPreview(publisher, words)}</div>`}
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

/** The words for a problem: in the page's language where it has them. */
export function problemText(problem: Problem | null, words: Words): TemplateResult {
  const { errors } = words
  const text = problem && (Object.hasOwn(errors, problem.code) ? errors[problem.code] : problem.message)
  return html`<div role="alert" part="problem">${text ? html`<p class="alert">${text}</p>` : nothing}</div>`
}

function emptyPreview(publisher: Publisher, words: Words): TemplateResult {
  if (publisher.opening) return html`<p>${words.opening}</p>`
  if (publisher.source.stream) return html`<p>${words.soundOnly}</p>`
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
