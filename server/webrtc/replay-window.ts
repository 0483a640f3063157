/** How far behind the highest a packet may come: 64 is the least (RFC 3711, section 3.3.2); a packet that is sent again comes a second later. */
const WINDOW = 4096

/** Knows which of the newest numbers were there (RFC 3711, section 3.3.2). */
export class ReplayWindow {
  #highest = -1
  /** A bit each, in a ring. */
  readonly #seen = new Uint8Array(WINDOW)

  get highest(): number {
    return this.#highest
  }

  /** Whether `index` was not there yet, and is not too old to say. */
  isNew(index: number): boolean {
    if (index > this.#highest) return true
    return index > this.#highest - WINDOW && this.#seen[index % WINDOW] === 0
  }

  /** `index` was there. */
  take(index: number): void {
    const first = Math.max(this.#highest + 1, index - WINDOW + 1)
    for (let number = first; number <= index; number++) this.#seen[number % WINDOW] = 0
    this.#highest = Math.max(this.#highest, index)
    this.#seen[index % WINDOW] = 1
  }
}

/** The index of a packet of SRTP, of which it has the low 16 bits (RFC 3711, section 3.3.1 and appendix A), and which were there. */
export class SequenceExtender {
  readonly #window = new ReplayWindow()

  /** The index that is most likely: nearest to the highest that was there. */
  guess(sequence: number): number {
    const { highest } = this.#window
    if (highest < 0) return sequence
    const rollovers = Math.floor(highest / 65536)
    const low = highest % 65536
    const behind = low < 32768 && sequence - low > 32768 ? -1 : 0
    const ahead = low >= 32768 && low - 32768 > sequence ? 1 : 0
    return Math.max(0, rollovers + behind + ahead) * 65536 + sequence
  }

  isNew(index: number): boolean {
    return this.#window.isNew(index)
  }

  /** A packet with this index was authentic. */
  take(index: number): void {
    this.#window.take(index)
  }
}
