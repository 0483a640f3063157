/** Keeps the screen on while something runs (Screen Wake Lock). The browser takes it away with a hidden page, so it is asked for again. */
export class AwakeScreen {
  #isWanted = false
  #sentinel: WakeLockSentinel | null = null
  readonly #seen = () => {
    if (document.visibilityState === 'visible') void this.#ask()
  }

  /** Whether the screen is to stay on. A browser that does not do that, or a battery that is low, changes nothing else. */
  set wanted(isWanted: boolean) {
    if (isWanted === this.#isWanted) return
    this.#isWanted = isWanted
    if (isWanted) {
      document.addEventListener('visibilitychange', this.#seen)
      void this.#ask()
    } else {
      document.removeEventListener('visibilitychange', this.#seen)
      void this.#sentinel?.release().catch(() => {})
      this.#sentinel = null
    }
  }

  async #ask(): Promise<void> {
    if (!('wakeLock' in navigator) || (this.#sentinel && !this.#sentinel.released)) return
    try {
      const sentinel = await navigator.wakeLock.request('screen')
      if (this.#isWanted) this.#sentinel = sentinel
      else await sentinel.release()
    } catch {
      // Refused: the person's settings decide.
    }
  }
}
