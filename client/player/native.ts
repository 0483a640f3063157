import type { OnStopped, Playback } from './playback.ts'

/** Plays HLS with the browser's own player. */
export function playNatively(video: HTMLVideoElement, url: string, onStopped: OnStopped): Playback {
  const ended = () => onStopped('ended')
  const failed = () => onStopped('failed')
  video.addEventListener('ended', ended)
  video.addEventListener('error', failed)
  video.src = url
  return {
    close() {
      video.removeEventListener('ended', ended)
      video.removeEventListener('error', failed)
      video.removeAttribute('src')
      video.load()
    },
    hasArrived: () => true,
    behindSeconds: () => null,
    toLiveEdge() {
      const { seekable } = video
      if (seekable.length > 0) video.currentTime = seekable.end(seekable.length - 1)
    },
  }
}
