import { CHUNK_HEADER_BYTES, encodeChunk } from './chunk.ts'
import { CHUNK_BYTES, WINDOW_BYTES } from './limits.ts'
import type { EpochStart, Limits } from './messages.ts'

/** What a frame on the wire is made of: text for control messages, bytes for chunks. */
export type Frame = string | Uint8Array<ArrayBuffer>

interface Epoch {
  number: number
  announcement: string
}

interface SpooledChunk {
  epoch: Epoch
  sequence: number
  frame: Uint8Array<ArrayBuffer>
}

/**
 * The sending side of `castgate.v1`, without a socket: it cuts blobs into numbered chunks, keeps them until they are
 * acknowledged (the spool), and says what to send next. After a cut, `welcome` puts it back to where the server is.
 * A page and `castgate push` both send with it. Its owner bounds the spool, by looking at `bytes`.
 */
export class Sender {
  #spool: SpooledChunk[] = []
  #epoch: Epoch | null = null
  #firstEpoch = 0
  #nextSequence = 0
  #bytes = 0
  #chunkBytes = CHUNK_BYTES
  #windowBytes = WINDOW_BYTES
  #ended = false
  /** Above every sequence number that was ever sent: what is not may be dropped. */
  #everSent = 0
  // What this connection has carried so far:
  #sent = 0
  #sentBytes = 0
  #announced: Epoch | null = null
  #endSent = false

  /** Bytes of recording that the server has not acknowledged, sent or not. */
  get bytes(): number {
    return this.#bytes
  }

  /** Chunks that the server has not acknowledged, sent or not. */
  get chunks(): number {
    return this.#spool.length
  }

  /**
   * Takes up a session of which nothing is left here, as after a page was reloaded: numbers go on where the server is.
   * @throws Error where something was recorded already
   */
  adopt(next: number, epoch: number | null): void {
    if (this.#epoch !== null) throw new Error('A session is taken up before its first epoch.')
    this.#nextSequence = next
    this.#everSent = next
    this.#firstEpoch = (epoch ?? -1) + 1
  }

  /** Begins the next epoch and returns its number. It is announced with its first chunk. */
  startEpoch(start: Omit<EpochStart, 'type' | 'epoch'>): number {
    const number = this.#epoch === null ? this.#firstEpoch : this.#epoch.number + 1
    const message: EpochStart = { type: 'epoch', epoch: number, ...start }
    this.#epoch = { number, announcement: JSON.stringify(message) }
    return number
  }

  /**
   * Takes what the recorder gave, cut into chunks.
   * @throws Error before the first epoch and after the end
   */
  push(recorded: Uint8Array): void {
    if (this.#epoch === null) throw new Error('startEpoch() comes before the first push().')
    if (this.#ended) throw new Error('Nothing can follow end().')
    for (let at = 0; at < recorded.byteLength; at += this.#chunkBytes) {
      const payload = recorded.subarray(at, at + this.#chunkBytes)
      const sequence = this.#nextSequence++
      const frame = encodeChunk({ epoch: this.#epoch.number, sequence, payload })
      this.#spool.push({ epoch: this.#epoch, sequence, frame })
      this.#bytes += payload.byteLength
    }
  }

  /**
   * Gives up what was never sent, to be live again; a new epoch must follow, for what is left of this one ends in the middle.
   * Returns how many bytes are lost.
   */
  dropUnsent(): number {
    const kept = this.#spool.filter((chunk) => chunk.sequence < this.#everSent)
    const before = this.#bytes
    this.#bytes = kept.reduce((sum, chunk) => sum + payloadBytes(chunk), 0)
    this.#spool = kept
    this.#nextSequence = (kept.at(-1)?.sequence ?? this.#everSent - 1) + 1
    return before - this.#bytes
  }

  /** Says that no more will come. */
  end(): void {
    this.#ended = true
  }

  /**
   * Begins a connection with the server's word for what it has: what is below `next` is dropped, the rest is sent (again)
   * from there.
   * @throws RangeError when the server wants what is no longer here, or has what was never made
   */
  welcome(next: number, limits: Limits): void {
    this.#chunkBytes = limits.chunkBytes
    this.#windowBytes = limits.windowBytes
    this.#sent = 0
    this.#sentBytes = 0
    this.#announced = null
    this.#endSent = false
    const oldest = this.#spool[0]?.sequence ?? this.#nextSequence
    if (next < oldest) throw new RangeError(`The server asks for chunk ${next}; the oldest one kept is ${oldest}.`)
    this.ack(next)
  }

  /**
   * Drops what the server has.
   * @throws RangeError when it has what was never made
   */
  ack(next: number): void {
    if (next > this.#nextSequence) {
      throw new RangeError(`The server has chunk ${next - 1}; the last one made is ${this.#nextSequence - 1}.`)
    }
    let dropped = 0
    for (const chunk of this.#spool) {
      if (chunk.sequence >= next) break
      this.#bytes -= payloadBytes(chunk)
      if (dropped < this.#sent) this.#sentBytes -= chunk.frame.byteLength
      dropped++
    }
    this.#spool.splice(0, dropped)
    this.#sent = Math.max(0, this.#sent - dropped)
  }

  /**
   * What to send now, in order, as far as the server's window allows and the socket has room. What it yields counts as sent.
   */
  *take(hasRoom: () => boolean = () => true): Generator<Frame, void, undefined> {
    while (this.#sent < this.#spool.length && this.#sentBytes < this.#windowBytes && hasRoom()) {
      const chunk = this.#spool[this.#sent]
      if (!chunk) return
      if (this.#announced !== chunk.epoch) {
        this.#announced = chunk.epoch
        yield chunk.epoch.announcement
      }
      this.#sent++
      this.#sentBytes += chunk.frame.byteLength
      this.#everSent = Math.max(this.#everSent, chunk.sequence + 1)
      yield chunk.frame
    }
    if (this.#ended && !this.#endSent && this.#sent === this.#spool.length) {
      this.#endSent = true
      yield JSON.stringify({ type: 'end' })
    }
  }
}

function payloadBytes({ frame }: SpooledChunk): number {
  return frame.byteLength - CHUNK_HEADER_BYTES
}
