const HEAD_BYTES = 27
/** Largest page: 255 segments of 255 bytes. */
const MAX_PAGE_BYTES = HEAD_BYTES + 255 + 255 * 255
const CAPTURE = 'OggS'

/** Cuts the packets out of an Ogg stream (RFC 3533, section 6) that FFmpeg writes. */
export class OggReader {
  #rest: Buffer = Buffer.alloc(0)
  #parts: Buffer[] = []

  /** The packets that are whole now. @throws an error for what is no Ogg */
  read(bytes: Buffer): Buffer[] {
    let rest = this.#rest.length > 0 ? Buffer.concat([this.#rest, bytes]) : bytes
    const packets: Buffer[] = []
    while (rest.length >= HEAD_BYTES) {
      if (rest.toString('latin1', 0, 4) !== CAPTURE) throw new Error('This is no Ogg.')
      const segments = rest.readUInt8(26)
      const sizes = rest.subarray(HEAD_BYTES, HEAD_BYTES + segments)
      const end = HEAD_BYTES + segments + sizes.reduce((sum, size) => sum + size, 0)
      if (sizes.length < segments || rest.length < end) break
      let at = HEAD_BYTES + segments
      for (const size of sizes) {
        this.#parts.push(rest.subarray(at, at + size))
        at += size
        if (size === 255) continue
        packets.push(Buffer.concat(this.#parts))
        this.#parts = []
      }
      rest = rest.subarray(end)
    }
    if (rest.length > MAX_PAGE_BYTES) throw new Error('A page of Ogg has no end.')
    this.#rest = Buffer.from(rest)
    return packets
  }
}
