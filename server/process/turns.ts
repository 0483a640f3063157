/** How long work of one kind may hold the event loop, in ms, before everything else gets a turn. */
const SHARE_MS = 5

/**
 * Shares the event loop: those who work in many small steps ask before each. In one turn of the loop they have a few milliseconds together; who
 * comes then waits, and of those who wait one goes on in each turn, in their order.
 */
export class Turns {
  readonly #waiting: (() => void)[] = []
  /** When the work of this turn began; null for none. */
  #began: number | null = null

  /** Resolves when the next step may be done: at once, or in a later turn. */
  next(): Promise<void> | undefined {
    if (this.#began === null) this.#begin()
    else if (this.#waiting.length > 0 || performance.now() - this.#began >= SHARE_MS) {
      return new Promise((resolve) => this.#waiting.push(resolve))
    }
    return undefined
  }

  #begin(): void {
    this.#began = performance.now()
    setImmediate(() => {
      this.#began = null
      const first = this.#waiting.shift()
      if (!first) return
      this.#begin()
      first()
    })
  }
}

/** Steps that are done without asking again. */
const STEPS = 100

/** Does `step` with each of `items`, in their order, and gives the loop a turn where they are many. */
export async function eachInTurn<T>(items: Iterable<T>, turns: Turns, step: (item: T) => void): Promise<void> {
  let count = 0
  for (const item of items) {
    if (++count % STEPS === 0) await turns.next()
    step(item)
  }
}
