/** After so long without a move the controls go away, in ms. */
const IDLE_MS = 3_000

/** Tells when nobody has moved anything for a while: what lies over the picture goes away then. */
export class Idleness {
  #isIdle = false
  #timer: ReturnType<typeof setTimeout> | undefined
  readonly #mayBeIdle: () => boolean
  readonly #onChange: () => void

  constructor(mayBeIdle: () => boolean, onChange: () => void) {
    this.#mayBeIdle = mayBeIdle
    this.#onChange = onChange
  }

  get isIdle(): boolean {
    return this.#isIdle
  }

  /** Somebody moved something. */
  moved(): void {
    this.#become(false)
    this.close()
    this.#timer = setTimeout(() => this.#become(this.#mayBeIdle()), IDLE_MS)
  }

  /** Nobody waits for the time to pass. */
  beIdle(): void {
    this.#become(true)
  }

  close(): void {
    clearTimeout(this.#timer)
  }

  #become(isIdle: boolean): void {
    if (isIdle === this.#isIdle) return
    this.#isIdle = isIdle
    this.#onChange()
  }
}
