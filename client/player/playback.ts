/** A playback that runs. */
export interface Playback {
  /** Releases the player. */
  close(): void
}

/** Times that a media error is tried to be mended, before the playback counts as failed. */
const MOST_RECOVERIES = 3

/** Called once, when a playback cannot go on: the stream ended, or it failed. */
export type OnStopped = (reason: 'ended' | 'failed') => void

/**
 * Plays the HLS link `url` in `video`: with hls.js where the browser has Media Source Extensions, else with the browser's own
 * player. hls.js is loaded only when it is needed.
 */
export async function playHls(video: HTMLVideoElement, url: string, onStopped: OnStopped): Promise<Playback> {
  const { default: Hls } = await import('hls.js')
  let recoveries = 0
  if (!Hls.isSupported()) return playNatively(video, url, onStopped)
  const hls = new Hls({ liveSyncDurationCount: 2, backBufferLength: 30, enableWorker: true })
  hls.on(Hls.Events.ERROR, (_, data) => {
    if (!data.fatal) return
    if (data.type === Hls.ErrorTypes.MEDIA_ERROR && recoveries++ < MOST_RECOVERIES) hls.recoverMediaError()
    else onStopped('failed')
  })
  hls.on(Hls.Events.MEDIA_ENDED, () => onStopped('ended'))
  hls.loadSource(url)
  hls.attachMedia(video)
  return { close: () => hls.destroy() }
}

function playNatively(video: HTMLVideoElement, url: string, onStopped: OnStopped): Playback {
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
  }
}
