import { html, nothing } from 'lit'
import type { Event as GatewayEvent, Problem, Process, Recording } from '../api/gateway-api.ts'
import { clock, size } from '../elements/format.ts'
import { fromDashboard } from '../gateway-url.ts'

/** What is wrong: the worst in large letters, the rest below it. */
export function problemList(problems: Problem[]) {
  const [worst, ...others] = problems
  if (!worst) return html`<div class="verdict good" role="status">All is well.</div>`
  return html`<div class="verdict ${worst.severity}" role="alert">
    <p class="worst">${worst.message}</p>
    ${others.length > 0 ? html`<ul>${others.map(({ message, severity }) => html`<li class=${severity}>${message}</li>`)}</ul>` : nothing}
  </div>`
}

/** What runs, and what it uses. */
export function processTable(processes: Process[]) {
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Processes">
    <table>
      <thead>
        <tr><th scope="col">Process</th><th scope="col">For</th><th scope="col">CPU</th><th scope="col">Memory</th></tr>
      </thead>
      <tbody>
        ${processes.map(
          ({ pid, use, stream, output, cpu, rssBytes }) => html`<tr>
            <td>${use} <span class="quiet">${pid}</span></td>
            <td>${[stream, output].filter(Boolean).join(' → ')}</td>
            <td>${Math.round(cpu * 100)} %</td>
            <td>${size(rssBytes)}</td>
          </tr>`,
        )}
      </tbody>
    </table>
  </div>`
}

const STATES: Record<Recording['state'], string> = {
  recording: 'being recorded',
  finishing: 'becoming an MP4',
  ready: '',
  unfinished: 'not an MP4 yet',
}

function stateOf({ state, problem }: Recording): string {
  // What is ready has a problem where it does not get to the bucket.
  const words = state === 'ready' && problem !== null ? 'not uploaded yet' : STATES[state]
  return [words, problem].filter(Boolean).join(': ')
}

/** What was recorded, with what can be done with it. */
export function recordingList(recordings: Recording[], remove: (recording: Recording) => void) {
  if (recordings.length === 0) return html`<p class="quiet">Nothing has been recorded.</p>`
  return html`<ul class="recordings">
    ${recordings.map(
      (recording) => html`<li>
        ${recording.posterUrl ? html`<img src=${fromDashboard(recording.posterUrl)} alt="" loading="lazy" />` : html`<div class="no-picture"></div>`}
        <div class="facts">
          <strong>${recording.stream}</strong>
          <span class="quiet">
            ${new Date(recording.startedAt).toLocaleString()}, ${size(recording.bytes)}${recording.seconds === null ? nothing : `, ${clock(recording.seconds * 1000)}`}
          </span>
          <span class=${recording.problem ? 'warning' : 'quiet'}>
            ${stateOf(recording)}
          </span>
        </div>
        <div class="actions">
          ${recording.play ? html`<a href=${fromDashboard(recording.play)} target="_blank" rel="noreferrer">Play</a>` : nothing}
          ${recording.download ? html`<a href=${fromDashboard(recording.download)}>Download</a>` : nothing}
          ${
            recording.state === 'ready' || recording.state === 'unfinished'
              ? html`<button type="button" aria-label="Delete the recording of ${recording.stream}" @click=${() => remove(recording)}>Delete</button>`
              : nothing
          }
        </div>
      </li>`,
    )}
  </ul>`
}

/** What happened, the latest first. */
export function eventList(events: GatewayEvent[]) {
  if (events.length === 0) return html`<p class="quiet">Nothing has happened yet.</p>`
  return html`<div class="scroll events" tabindex="0" role="region" aria-label="Events"><ol>
    ${events.map(
      ({
        at,
        message,
        type,
        data,
      }) => html`<li class=${type.endsWith('failed') || /^disk/.test(`${data.reason}`) ? 'warning' : ''}>
        <time datetime=${at}>${new Date(at).toLocaleTimeString()}</time> ${message}
      </li>`,
    )}
  </ol></div>`
}
