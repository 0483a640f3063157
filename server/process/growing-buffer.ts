/**
 * Bytes that come in pieces and are needed in one. Its room doubles, so that many small pieces cost no more than a few large ones: time linear in
 * what comes, and memory of at most twice what is kept.
 */
export class GrowingBuffer {
  #room: Buffer = Buffer.alloc(0)
  #length = 0

  /** What is kept. It shares memory with what is kept later, and stays as it is: nothing is written over. */
  get bytes(): Buffer {
    return this.#room.subarray(0, this.#length)
  }

  get length(): number {
    return this.#length
  }

  /** Adds `more` at the end. */
  push(more: Uint8Array): void {
    const length = this.#length + more.length
    if (length > this.#room.length) {
      const room = Buffer.allocUnsafeSlow(2 * length)
      this.#room.copy(room, 0, 0, this.#length)
      this.#room = room
    }
    this.#room.set(more, this.#length)
    this.#length = length
  }

  /** Keeps what is from `at` on, in memory of its own. */
  dropTo(at: number): void {
    const rest = this.bytes.subarray(at)
    this.#room = Buffer.alloc(0)
    this.#length = 0
    if (rest.length > 0) this.push(rest)
  }
}
