/** Kinds of NAL units (H.264, table 7-1), and of packets with several of them, or with a part of one (RFC 6184, section 5.2). */
export const NAL = { idr: 5, sps: 7, pps: 8, delimiter: 9, filler: 12, aggregate: 24, fragment: 28 } as const

/** The kind of a NAL unit, or of a packet. */
export function typeOf(unit: Buffer): number {
  return (unit[0] ?? 0) & 31
}
