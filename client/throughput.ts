/** Over how long rates are measured. */
const WINDOW_MS = 4_000
/** How long it counts that a piece went quickly: two keyframes, which are the large ones, lie in it. */
const CAPACITY_WINDOW_MS = 5_000

/** Keeps when how much was recorded, and so how old is what the server does not have, and how much it got lately. */
export class Throughput {
  /** What was recorded lately or is not acknowledged, with the total behind each piece. */
  #pieces: { at: number; bytes: number; total: number; noted: boolean }[] = []
  #total = 0
  /** How fast single pieces were acknowledged lately, in bits a second. */
  #bursts: { at: number; bits: number }[] = []
  /** What was acknowledged at each look, over the window. */
  #looks: { at: number; acknowledged: number }[] = []

  /** Notes a recorded piece. `now` in ms. */
  recorded(now: number, bytes: number): void {
    this.#total += bytes
    this.#pieces.push({ at: now, bytes, total: this.#total, noted: false })
  }

  /**
   * Notes an acknowledgement. A piece that is acknowledged soon shows what the uplink can carry, even while little is recorded: its
   * bits in the time from when it was recorded.
   */
  acknowledged(now: number, unacknowledged: number): void {
    const done = this.#total - unacknowledged
    const newest = this.#pieces.findLast(({ total }) => total <= done)
    if (!newest || newest.noted) return
    newest.noted = true
    this.#bursts = this.#bursts.filter(({ at }) => now - at < CAPACITY_WINDOW_MS)
    this.#bursts.push({ at: now, bits: (newest.bytes * 8000) / Math.max(1, now - newest.at) })
  }

  /** Bits a second that the uplink has carried lately, if only for a moment. */
  capacity(now: number): number {
    return Math.max(0, ...this.#bursts.filter(({ at }) => now - at < CAPACITY_WINDOW_MS).map(({ bits }) => bits))
  }

  /** Begins anew, as after a session was lost. */
  forget(): void {
    this.#pieces = []
    this.#looks = []
    this.#bursts = []
    this.#total = 0
  }

  /** Recorded bits a second. */
  recordedBits(now: number): number {
    const recent = this.#pieces.filter(({ at }) => now - at < WINDOW_MS)
    const [first] = recent
    if (!first) return 0
    const span = Math.max(250, Math.min(WINDOW_MS, now - first.at))
    return (recent.reduce((sum, { bytes }) => sum + bytes, 0) * 8000) / span
  }

  /** Seconds since the oldest piece was recorded that is not acknowledged. */
  secondsBehind(now: number, unacknowledged: number): number {
    const acknowledged = this.#total - unacknowledged
    const oldest = this.#pieces.find(({ total }) => total > acknowledged)
    // What is neither recent nor needed for the age goes.
    this.#pieces = this.#pieces.filter(({ at, total }) => total > acknowledged || now - at < WINDOW_MS)
    return unacknowledged > 0 && oldest ? (now - oldest.at) / 1000 : 0
  }

  /**
   * What was acknowledged over the looks of the last seconds, in bits a second, and whether anything was since the last look. To be
   * called about once a second.
   */
  delivery(now: number, unacknowledged: number): { delivered: number; progressing: boolean } {
    const acknowledged = this.#total - unacknowledged
    const before = this.#looks.at(-1)
    this.#looks.push({ at: now, acknowledged })
    this.#looks = this.#looks.filter(({ at }) => now - at <= WINDOW_MS)
    const [first] = this.#looks
    const delivered =
      first && first.at < now
        ? ((acknowledged - first.acknowledged) * 8000) / (now - first.at)
        : Number.POSITIVE_INFINITY
    return { delivered, progressing: acknowledged > (before?.acknowledged ?? 0) }
  }
}
