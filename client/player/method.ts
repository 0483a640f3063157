/** Ways to play a stream, from the one with the least delay on. */
export const METHODS = ['flv', 'flv-websocket', 'll-hls', 'hls', 'native'] as const

/** One of {@link METHODS}: HTTP-FLV, the same over a WebSocket, low-latency HLS, the shared HLS link, and that link without hls.js. */
export type Method = (typeof METHODS)[number]

/** Reads a list of methods such as `flv, ll-hls`; all where it names none. */
export function readMethods(text: string): Method[] {
  const named = text.split(/[\s,]+/)
  const methods = METHODS.filter((method) => named.includes(method))
  return methods.length > 0 ? methods.sort((a, b) => named.indexOf(a) - named.indexOf(b)) : [...METHODS]
}
