import { AwakeScreen } from '../elements/awake-screen.ts'

/** What a page is while it broadcasts: its title says so, its screen stays on, and the browser asks before it is closed. */
export class LivePage {
  readonly #title = document.title
  readonly #wakeLock = new AwakeScreen()
  #isLive = false
  readonly #ask = (event: BeforeUnloadEvent) => event.preventDefault()

  /** `title`: what the page is called meanwhile, behind "● LIVE"; null where it does not broadcast. */
  show(title: string | null): void {
    const isLive = title !== null
    document.title = isLive ? `● LIVE ${title}` : this.#title
    this.#wakeLock.wanted = isLive
    if (isLive === this.#isLive) return
    this.#isLive = isLive
    if (isLive) addEventListener('beforeunload', this.#ask)
    else removeEventListener('beforeunload', this.#ask)
  }
}
