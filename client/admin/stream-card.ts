import { html, nothing } from 'lit'
import { viewersInAll } from '../../shared/status.ts'
import type { Beat, WatchedStream } from '../api/gateway-api.ts'
import { bitrate, clock } from '../elements/format.ts'
import { fromDashboard } from '../gateway-url.ts'
import '../targets/targets.ts'
import { plot } from './plot.ts'

/** Pictures are asked for again after so many ms. */
const PICTURE_MS = 4_000

/** What can be done with a broadcast. */
export interface StreamActions {
  server: string
  key: string
  stop(stream: string): void
  record(stream: string, begin: boolean): void
}

/** A broadcast in the dashboard. */
export function streamCard(stream: WatchedStream, beats: Beat[], actions: StreamActions) {
  const { name, state, startedAt, video, thumbnail, viewers, playback, recording, targets } = stream
  const last = beats.at(-1)
  const behind = (last?.behindMs ?? 0) / 1000
  const age = clock(Date.now() - Date.parse(startedAt))
  return html`<article class="card stream" aria-label=${name}>
    <div class="head">
      ${
        thumbnail
          ? html`<img src="${fromDashboard(thumbnail)}&at=${Math.floor(Date.now() / PICTURE_MS)}" alt="What ${name} shows now" />`
          : html`<div class="no-picture quiet">no picture</div>`
      }
      <div class="facts">
        <h2 class="name">${name}</h2>
        <p>
          <span class="badge ${state}">${state === 'live' ? 'LIVE' : 'WAITING'}</span>
          <span class="quiet">for ${age}${recording ? ', recorded' : nothing}</span>
        </p>
        <p class="quiet">
          ${video ? `${video.width}×${video.height}, ${video.codec}, ${actionWords(video.action)}` : 'sound alone'}
        </p>
        <p>${viewersWords(viewersInAll(viewers))}</p>
      </div>
    </div>
    <div class="plots">
      <figure>
        <figcaption><span>Bitrate</span><strong>${bitrate(last?.bitsPerSecond ?? 0)}</strong></figcaption>
        ${plot({ values: beats.map(({ bitsPerSecond }) => bitsPerSecond), least: 500_000, title: `Bitrate of ${name} in the last five minutes` })}
      </figure>
      <figure>
        <figcaption><span>Behind</span><strong>${behind.toFixed(1)} s</strong></figcaption>
        ${plot({ values: beats.map(({ behindMs }) => behindMs), least: 2_000, title: `How far ${name} was behind in the last five minutes` })}
      </figure>
    </div>
    <div class="actions">
      <a href=${playback.watch} target="_blank" rel="noreferrer">Watch</a>
      <button type="button" @click=${() => actions.record(name, recording === null)}>
        ${recording === null ? 'Record' : 'Stop recording'}
      </button>
      <button type="button" @click=${() => actions.stop(name)}>End broadcast</button>
    </div>
    <castgate-targets server=${actions.server} stream=${name} .bearer=${actions.key} ?live=${state === 'live'} .targets=${targets}></castgate-targets>
  </article>`
}

function actionWords(action: string): string {
  return action === 'copy' ? 'copied' : 'transcoded'
}

function viewersWords(count: number): string {
  return count === 1 ? '1 viewer' : `${count} viewers`
}
