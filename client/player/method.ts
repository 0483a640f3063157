/** Ways to play a stream, from the one with the least delay on. */
export const METHODS = ['whep', 'flv', 'flv-websocket', 'll-hls', 'hls', 'native'] as const

/** One of {@link METHODS}: WebRTC, HTTP-FLV, the same over a WebSocket, low-latency HLS, the shared HLS link, and that link without hls.js. */
export type Method = (typeof METHODS)[number]

/** Those that are tried where none is named: WebRTC costs the server much more, and loses pictures where the network does. */
export const USUAL_METHODS = METHODS.filter((method) => method !== 'whep')

/** Reads a list of methods such as `flv, ll-hls`; the usual ones where it names none, and behind `whep` where it names that alone. */
export function readMethods(text: string): Method[] {
  const named = text.split(/[\s,]+/)
  const methods = METHODS.filter((method) => named.includes(method))
  if (methods.length === 0) return [...USUAL_METHODS]
  if (methods.length === 1 && methods[0] === 'whep') return ['whep', ...USUAL_METHODS]
  return methods.sort((a, b) => named.indexOf(a) - named.indexOf(b))
}
