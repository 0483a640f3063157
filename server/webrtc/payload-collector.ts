/** Largest picture, in bytes. */
const MAX_PICTURE_BYTES = 4 * 1024 * 1024

/** Puts the parts of a picture together. */
export class PayloadCollector {
  #parts: Buffer[] = []
  #bytes = 0
  #isBroken = false

  /** Takes the next part; the first of a picture says so. */
  push(part: Buffer, isBeginning: boolean): void {
    this.#bytes += part.length
    if (part.length === 0 || (this.#parts.length === 0 && !isBeginning) || this.#bytes > MAX_PICTURE_BYTES) {
      this.#isBroken = true
      return
    }
    this.#parts.push(part)
  }

  /** The picture; null where nothing came. */
  finish(): Buffer | 'broken' | null {
    const parts = this.#parts
    const isBroken = this.#isBroken
    this.#parts = []
    this.#bytes = 0
    this.#isBroken = false
    if (isBroken) return 'broken'
    return parts.length === 0 ? null : Buffer.concat(parts)
  }
}
