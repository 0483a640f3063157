const LENGTH_BYTES = 2

/** Cuts a TCP connection into packets: each has its length before it, in two bytes (RFC 4571, section 2). */
export class FrameReader {
  readonly #most: number
  #rest: Buffer = Buffer.alloc(0)

  /** `most`: of one packet, in bytes. It never holds more than that and what comes with it. */
  constructor(most: number) {
    this.#most = most
  }

  /** The packets that are whole now; null where one is larger than is taken: nothing more can be read then. */
  read(data: Buffer): Buffer[] | null {
    let bytes = this.#rest.length > 0 ? Buffer.concat([this.#rest, data]) : data
    const packets: Buffer[] = []
    while (bytes.length >= LENGTH_BYTES) {
      const length = bytes.readUInt16BE(0)
      if (length > this.#most) return null
      const end = LENGTH_BYTES + length
      if (bytes.length < end) break
      packets.push(bytes.subarray(LENGTH_BYTES, end))
      bytes = bytes.subarray(end)
    }
    // A view would keep all that it came with.
    this.#rest = Buffer.from(bytes)
    return packets
  }
}

/** A packet with its length before it. */
export function frame(packet: Buffer): Buffer {
  const length = Buffer.alloc(LENGTH_BYTES)
  length.writeUInt16BE(packet.length)
  return Buffer.concat([length, packet])
}
