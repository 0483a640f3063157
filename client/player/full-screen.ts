/** Fills the screen with an element, or with its video where the browser gives the screen to videos alone (iPhones). */
export class FullScreen {
  readonly #element: HTMLElement
  readonly #video: () => HTMLVideoElement | null

  constructor(element: HTMLElement, video: () => HTMLVideoElement | null) {
    this.#element = element
    this.#video = video
  }

  /** Whether it fills the screen; null where the browser does not do that. */
  get isOn(): boolean | null {
    if (document.fullscreenEnabled) return this.#element.matches(':fullscreen')
    return this.#enterVideo ? false : null
  }

  toggle(): void {
    if (!document.fullscreenEnabled) return this.#enterVideo?.()
    const change = this.isOn ? document.exitFullscreen() : this.#element.requestFullscreen()
    // A browser that refuses shows why by itself.
    change.catch(() => {})
  }

  get #enterVideo(): (() => void) | null {
    const video = this.#video() as { webkitEnterFullscreen?: () => void } | null
    const enter = video?.webkitEnterFullscreen
    return enter ? () => enter.call(video) : null
  }
}
