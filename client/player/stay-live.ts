import { type EdgeNeeds, LiveEdge } from './live-edge.ts'
import { bufferEnd } from './playback.ts'

/** A buffer that was empty for longer, in ms, was so because nothing was sent, not because too little was kept. */
const JITTER_MS = 1_000

/** How often the distance to the end of the buffer is looked at, in ms. */
const LOOK_MS = 100

/** A video that is kept near the end of what has arrived. */
export interface StayingLive {
  /** Jumps to the newest that can be played without a stall. */
  toLiveEdge(): void
  /** Leaves the video alone from now on. */
  close(): void
}

/** Keeps `video` near the end of its buffer, as {@link LiveEdge} says, and goes on behind a gap in what came. */
export function stayLive(video: HTMLVideoElement, needs: EdgeNeeds): StayingLive {
  const edge = new LiveEdge(needs)
  let waitingSince: number | null = null
  // A jump waits for its picture as well.
  const stalled = () => {
    if (video.currentTime > 0 && !video.seeking) waitingSince ??= performance.now()
  }
  video.addEventListener('waiting', stalled)
  const timer = setInterval(() => {
    keepUp(video, edge)
    if (waitingSince === null || video.readyState < video.HAVE_FUTURE_DATA) return
    const now = performance.now()
    if (now - waitingSince < JITTER_MS) edge.stalled(now / 1000)
    waitingSince = null
  }, LOOK_MS)
  return {
    toLiveEdge: () => jumpTo(video, edge.behindEnd),
    close() {
      clearInterval(timer)
      video.removeEventListener('waiting', stalled)
      video.playbackRate = 1
    },
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
