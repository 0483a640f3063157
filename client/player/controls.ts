import { html, nothing, type TemplateResult } from 'lit'
import { icons } from './icons.ts'

/** What the bar of controls shows. */
export interface ControlsView {
  isPaused: boolean
  isMuted: boolean
  /** From 0 to 1. */
  volume: number
  /** Whether what is shown is the newest that there is. */
  isAtLiveEdge: boolean
  /** The delay, the size and the method, in words. */
  figures: string
  hasPictureInPicture: boolean
  /** Whether it fills the screen; null where the browser has no such thing. */
  isFullScreen: boolean | null
}

/** What its buttons do. */
export interface ControlsActions {
  togglePlay(): void
  toggleSound(): void
  /** From 0 to 1. */
  setVolume(volume: number): void
  toLive(): void
  togglePictureInPicture(): void
  toggleFullScreen(): void
}

/** The bar of controls below the picture. */
export function controls(view: ControlsView, actions: ControlsActions): TemplateResult {
  const { isPaused, isMuted, isFullScreen } = view
  return html`<div part="controls" class="controls">
    ${button(isPaused ? 'Play' : 'Pause', isPaused ? icons.play : icons.pause, actions.togglePlay)}
    ${button(isMuted ? 'Turn on sound' : 'Mute', isMuted ? icons.muted : icons.sound, actions.toggleSound)}
    <input
      type="range"
      aria-label="Volume"
      min="0"
      max="1"
      step="0.05"
      .value=${String(isMuted ? 0 : view.volume)}
      @input=${(event: Event) => actions.setVolume(Number((event.target as HTMLInputElement).value))}
    />
    <button part="button" class="live ${view.isAtLiveEdge ? 'on' : ''}" type="button" title="Go to the newest picture" @click=${actions.toLive}>LIVE</button>
    <span class="figures">${view.figures}</span>
    ${view.hasPictureInPicture ? button('Picture in picture', icons.pictureInPicture, actions.togglePictureInPicture) : nothing}
    ${
      isFullScreen === null
        ? nothing
        : isFullScreen
          ? button('Leave full screen', icons.leaveFullScreen, actions.toggleFullScreen)
          : button('Full screen', icons.fullScreen, actions.toggleFullScreen)
    }
  </div>`
}

function button(label: string, picture: TemplateResult, onClick: () => void): TemplateResult {
  return html`<button part="button" type="button" aria-label=${label} title=${label} @click=${onClick}>${picture}</button>`
}
