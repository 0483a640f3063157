import { LiveEdge } from './live-edge.ts'
import { bufferEnd, type OnStopped, type Playback } from './playback.ts'

/** A buffer that was empty for longer, in ms, was so because nothing was sent, not because too little was kept. */
const JITTER_MS = 1_000

/** How often the distance to the end of the buffer is looked at. */
const LOOK_MS = 100

/**
 * Plays FLV over HTTP, or over a WebSocket for a `ws:` address, with mpegts.js, which is loaded when it is needed. It stays near what
 * has arrived: {@link LiveEdge}.
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
  const edge = new LiveEdge()
  let waitingSince: number | null = null
  const look = () => {
    keepUp(video, edge)
    if (waitingSince === null || video.readyState < video.HAVE_FUTURE_DATA) return
    const now = performance.now()
    if (now - waitingSince < JITTER_MS) edge.stalled(now / 1000)
    waitingSince = null
  }
  // A jump waits for its picture as well.
  const stalled = () => {
    if (video.currentTime > 0 && !video.seeking) waitingSince ??= performance.now()
  }
  player.on(mpegts.Events.LOADING_COMPLETE, () => onStopped('ended'))
  player.on(mpegts.Events.ERROR, () => onStopped('failed'))
  video.addEventListener('waiting', stalled)
  const timer = setInterval(look, LOOK_MS)
  player.attachMediaElement(video)
  player.load()
  return {
    close() {
      clearInterval(timer)
      video.removeEventListener('waiting', stalled)
      player.destroy()
      video.playbackRate = 1
    },
    behindSeconds: () => {
      const end = bufferEnd(video)
      return end === null ? null : Math.max(0, end - video.currentTime)
    },
    toLiveEdge: () => jumpTo(video, edge.behindEnd),
  }
}

function keepUp(video: HTMLVideoElement, edge: LiveEdge): void {
  const end = bufferEnd(video)
  if (end === null || video.paused || video.seeking) return
  // A gap in what came, as after an interruption: the picture goes on behind it.
  const from = video.buffered.start(video.buffered.length - 1)
  if (video.currentTime < from) {
    video.currentTime = from
    return
  }
  const step = edge.next(end - video.currentTime, performance.now() / 1000)
  if (step.kind === 'jump') jumpTo(video, step.behindEnd)
  else if (video.playbackRate !== step.rate) video.playbackRate = step.rate
}

function jumpTo(video: HTMLVideoElement, behindEnd: number): void {
  const end = bufferEnd(video)
  if (end !== null) video.currentTime = Math.max(video.currentTime, end - behindEnd)
}
