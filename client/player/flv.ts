import { bufferEnd, type OnStopped, type Playback } from './playback.ts'
import { stayLive } from './stay-live.ts'

/** A chunk comes every 100 ms; a stream begins with a keyframe that may be 2 s old. */
const EDGE_NEEDS = { leastMargin: 0.12, firstJump: 0.3 }

/**
 * Plays FLV over HTTP, or over a WebSocket for a `ws:` address, with mpegts.js, which is loaded when it is needed. It stays near what
 * has arrived.
 */
export async function playFlv(
  video: HTMLVideoElement,
  url: string,
  onStopped: OnStopped,
  signal: AbortSignal,
): Promise<Playback> {
  const { default: mpegts } = await import('mpegts.js')
  signal.throwIfAborted()
  mpegts.LoggingControl.enableAll = false
  const player = mpegts.createPlayer(
    { type: 'flv', isLive: true, url },
    {
      enableStashBuffer: false,
      lazyLoad: false,
      autoCleanupSourceBuffer: true,
      autoCleanupMaxBackwardDuration: 30,
      autoCleanupMinBackwardDuration: 10,
    },
  )
  player.on(mpegts.Events.LOADING_COMPLETE, () => onStopped('ended'))
  player.on(mpegts.Events.ERROR, () => onStopped('failed'))
  let hasArrived = false
  // The headers come at once, and how fast bytes come is told several times in a second.
  player.on(mpegts.Events.MEDIA_INFO, () => {
    hasArrived = true
  })
  player.on(mpegts.Events.STATISTICS_INFO, ({ speed = 0 }: { speed?: number }) => {
    hasArrived ||= speed > 0
  })
  const staying = stayLive(video, EDGE_NEEDS)
  player.attachMediaElement(video)
  player.load()
  return {
    close() {
      player.destroy()
      staying.close()
    },
    hasArrived: () => hasArrived,
    behindSeconds: () => {
      const end = bufferEnd(video)
      return end === null ? null : Math.max(0, end - video.currentTime)
    },
    toLiveEdge: staying.toLiveEdge,
  }
}
