import type { PlaybackLinks } from '../../shared/status.ts'
import { playFlv } from './flv.ts'
import { playHls } from './hls.ts'
import type { Method } from './method.ts'
import { playNatively } from './native.ts'
import type { OnStopped, Playback } from './playback.ts'
import { playWhep } from './whep.ts'

/** The methods of `wanted` that this browser can play, in the same order. */
export function playableMethods(video: HTMLVideoElement, wanted: Method[]): Method[] {
  const hasMediaSource =
    'MediaSource' in globalThis && MediaSource.isTypeSupported('video/mp4; codecs="avc1.42E01E,mp4a.40.2"')
  // iPhones have this one alone, which hls.js takes and mpegts.js takes as well.
  const hasManaged = 'ManagedMediaSource' in globalThis
  return wanted.filter((method) => {
    if (method === 'native') return video.canPlayType('application/vnd.apple.mpegurl') !== ''
    return method === 'whep' ? 'RTCPeerConnection' in globalThis : hasMediaSource || hasManaged
  })
}

/** Loads what `method` plays with, while the gateway is asked for the stream: a failure shows when it is played. */
export function preload(method: Method | undefined): void {
  if (method === undefined || method === 'native' || method === 'whep') return
  const library = method === 'flv' || method === 'flv-websocket' ? import('mpegts.js') : import('hls.js')
  library.catch(() => {})
}

/**
 * Begins to play by `method`.
 * @throws an error where its player cannot be loaded, or `signal` is aborted meanwhile
 */
export async function play(
  method: Method,
  video: HTMLVideoElement,
  links: PlaybackLinks,
  onStopped: OnStopped,
  signal: AbortSignal,
): Promise<Playback> {
  switch (method) {
    case 'whep':
      return playWhep(video, links.whep, onStopped, signal)
    case 'flv':
      return playFlv(video, links.flv, onStopped, signal)
    case 'flv-websocket':
      return playFlv(video, links.flv.replace(/^http/, 'ws'), onStopped, signal)
    case 'll-hls':
      return playHls(video, links.llHls, true, onStopped, signal)
    case 'hls':
      return playHls(video, links.hls, false, onStopped, signal)
    case 'native':
      return playNatively(video, links.llHls, onStopped)
  }
}
