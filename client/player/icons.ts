import { html, type TemplateResult } from 'lit'

function icon(path: string): TemplateResult {
  return html`<svg viewBox="0 0 24 24" aria-hidden="true"><path d=${path} /></svg>`
}

/** The pictures on the player's buttons. */
export const icons = {
  play: icon('M8 5v14l11-7z'),
  pause: icon('M7 5h4v14H7zM13 5h4v14h-4z'),
  sound: icon('M4 9v6h4l5 4V5L8 9zM15.5 8.5a5 5 0 0 1 0 7l1.4 1.4a7 7 0 0 0 0-9.8z'),
  muted: icon(
    'M4 9v6h4l5 4V5L8 9zM15 9.4l1.4-1.4L19 10.6 21.6 8 23 9.4 20.4 12l2.6 2.6-1.4 1.4L19 13.4 16.4 16 15 14.6l2.6-2.6z',
  ),
  pictureInPicture: icon('M3 5h18v14H3zm2 2v10h14V7zm7 4h6v5h-6z'),
  fullScreen: icon('M4 4h6v2H6v4H4zM14 4h6v6h-2V6h-4zM4 14h2v4h4v2H4zM18 14h2v6h-6v-2h4z'),
  leaveFullScreen: icon('M8 4h2v6H4V8h4zM14 4h2v4h4v2h-6zM4 14h6v6H8v-4H4zM14 14h6v2h-4v4h-2z'),
}
