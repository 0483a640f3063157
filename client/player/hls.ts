import type { OnStopped, Playback } from './playback.ts'

/** Times that a media error is tried to be mended, before the playback counts as failed. */
const MOST_RECOVERIES = 3

/** Plays HLS with hls.js, which is loaded when it is needed: low-latency HLS with little delay, and any other as it comes. */
export async function playHls(
  video: HTMLVideoElement,
  url: string,
  isLowLatency: boolean,
  onStopped: OnStopped,
): Promise<Playback> {
  const { default: Hls } = await import('hls.js')
  let recoveries = 0
  const hls = new Hls({
    lowLatencyMode: isLowLatency,
    backBufferLength: 30,
    maxLiveSyncPlaybackRate: 1.1,
    enableWorker: true,
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
  return {
    close() {
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
