import { bufferEnd, type OnStopped, type Playback } from './playback.ts'
import { type StayingLive, stayLive } from './stay-live.ts'

/** Times that a media error is tried to be mended, before the playback counts as failed. */
const MAX_RECOVERIES = 3

/** A part comes about every 0.26 s, a request after it was made. */
const LOW_LATENCY_NEEDS = { leastMargin: 0.4, firstJump: 1 }

/** So much more in the buffer than the playlist asks to stay behind, in s, is jumped over: it came late, after an interruption. */
const PLAIN_JUMP_S = 6

/** How often the buffer is looked at, in ms. */
const PLAIN_LOOK_MS = 500

/** Plays HLS with hls.js, which is loaded when it is needed: low-latency HLS with little delay, and any other as it comes. */
export async function playHls(
  video: HTMLVideoElement,
  url: string,
  isLowLatency: boolean,
  onStopped: OnStopped,
  signal: AbortSignal,
): Promise<Playback> {
  const { default: Hls } = await import('hls.js')
  signal.throwIfAborted()
  let recoveries = 0
  const hls = new Hls({
    lowLatencyMode: isLowLatency,
    backBufferLength: 30,
    enableWorker: true,
    // An interruption of the broadcast counts as a stall, and each would add to what hls.js keeps for good: it is kept up with here.
    maxLiveSyncPlaybackRate: 1,
    liveSyncOnStallIncrease: 0,
    // A low-latency playlist says itself how far from the end one begins.
    ...(!isLowLatency && { liveSyncDurationCount: 2 }),
  })
  hls.on(Hls.Events.ERROR, (_, data) => {
    if (!data.fatal) return
    if (data.type === Hls.ErrorTypes.MEDIA_ERROR && recoveries++ < MAX_RECOVERIES) hls.recoverMediaError()
    else onStopped('failed')
  })
  hls.on(Hls.Events.MEDIA_ENDED, () => onStopped('ended'))
  hls.loadSource(url)
  hls.attachMedia(video)
  const staying = isLowLatency ? stayLive(video, LOW_LATENCY_NEEDS) : stayNearTarget(video, () => hls.targetLatency)
  return {
    close() {
      staying.close()
      hls.destroy()
    },
    // The first playlist may wait for a whole segment.
    hasArrived: () => true,
    behindSeconds: () => (hls.latency > 0 ? hls.latency : null),
    toLiveEdge: staying.toLiveEdge,
  }
}

/** Plain HLS comes in whole segments, which make the buffer go up and down: it stays `target` s behind, and jumps over what came late. */
function stayNearTarget(video: HTMLVideoElement, target: () => number | null): StayingLive {
  const toLiveEdge = (from = 0) => {
    const end = bufferEnd(video)
    const behind = target()
    if (end === null || behind === null) return
    if (end - video.currentTime > behind + from) video.currentTime = end - behind
  }
  const timer = setInterval(() => {
    if (!video.paused && !video.seeking) toLiveEdge(PLAIN_JUMP_S)
  }, PLAIN_LOOK_MS)
  return { toLiveEdge, close: () => clearInterval(timer) }
}
