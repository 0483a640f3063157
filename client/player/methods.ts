import type { PlaybackLinks } from '../../shared/status.ts'
import { playFlv } from './flv.ts'
import { playHls } from './hls.ts'
import { playNatively } from './native.ts'
import type { OnStopped, Playback } from './playback.ts'

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

/** The methods of `wanted` that this browser can play, in the same order. */
export function playableMethods(video: HTMLVideoElement, wanted: Method[]): Method[] {
  const hasMediaSource =
    'MediaSource' in globalThis && MediaSource.isTypeSupported('video/mp4; codecs="avc1.42E01E,mp4a.40.2"')
  // iPhones have this one alone, which hls.js takes and mpegts.js takes as well.
  const hasManaged = 'ManagedMediaSource' in globalThis
  return wanted.filter((method) =>
    method === 'native' ? video.canPlayType('application/vnd.apple.mpegurl') !== '' : hasMediaSource || hasManaged,
  )
}

/** Begins to play by `method`. */
export async function play(
  method: Method,
  video: HTMLVideoElement,
  links: PlaybackLinks,
  onStopped: OnStopped,
): Promise<Playback> {
  switch (method) {
    case 'flv':
      return playFlv(video, links.flv, onStopped)
    case 'flv-websocket':
      return playFlv(video, links.flv.replace(/^http/, 'ws'), onStopped)
    case 'll-hls':
      return playHls(video, links.llHls, true, onStopped)
    case 'hls':
      return playHls(video, links.hls, false, onStopped)
    case 'native':
      return playNatively(video, links.llHls, onStopped)
  }
}
