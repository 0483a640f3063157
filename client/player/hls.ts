import { bufferEnd, type OnStopped, type Playback } from './playback.ts'

/** Times that a media error is tried to be mended, before the playback counts as failed. */
const MOST_RECOVERIES = 3

/**
 * So much more in the buffer than the playlist asks to stay behind, in s, is jumped over: it came late, after an interruption. Plain HLS
 * comes in whole segments, which make the buffer go up and down.
 */
const JUMP_S = { lowLatency: 2, plain: 6 }

/** How often the buffer is looked at, in ms. */
const LOOK_MS = 500

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
    maxLiveSyncPlaybackRate: 1.1,
    enableWorker: true,
    // A stall is an interruption of the broadcast more often than a slow network: hls.js would add a second for each.
    liveSyncOnStallIncrease: 0.25,
    // A low-latency playlist says itself how far from the end one stays.
    ...(!isLowLatency && { liveSyncDurationCount: 2 }),
  })
  hls.on(Hls.Events.ERROR, (_, data) => {
    if (!data.fatal) return
    if (data.type === Hls.ErrorTypes.MEDIA_ERROR && recoveries++ < MOST_RECOVERIES) hls.recoverMediaError()
    else onStopped('failed')
  })
  hls.on(Hls.Events.MEDIA_ENDED, () => onStopped('ended'))
  hls.loadSource(url)
  hls.attachMedia(video)
  const jumpFrom = isLowLatency ? JUMP_S.lowLatency : JUMP_S.plain
  const timer = setInterval(() => {
    const end = bufferEnd(video)
    const from = hls.targetLatency
    if (end === null || from === null || video.paused || video.seeking) return
    if (end - video.currentTime > from + jumpFrom) video.currentTime = end - from
  }, LOOK_MS)
  return {
    close() {
      clearInterval(timer)
      hls.destroy()
      video.playbackRate = 1
    },
    behindSeconds: () => (hls.latency > 0 ? hls.latency : null),
    toLiveEdge() {
      if (hls.liveSyncPosition !== null && hls.liveSyncPosition > video.currentTime)
        video.currentTime = hls.liveSyncPosition
    },
  }
}
