/** A box of MP4 (ISO/IEC 14496-12, 4.2). */
export interface Element {
  type: string
  data: Buffer
}

/** The boxes in `bytes`, one after the other. */
export function* children(bytes: Buffer): Generator<Element, void, undefined> {
  for (let at = 0; at + 8 <= bytes.length; ) {
    const size = bytes.readUInt32BE(at)
    if (size < 8) return
    yield { type: bytes.toString('latin1', at + 4, at + 8), data: bytes.subarray(at + 8, at + size) }
    at += size
  }
}
