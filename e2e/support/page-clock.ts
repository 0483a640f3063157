import type { BrowserContext, Locator } from 'playwright'

/** What a page can read of the clock in a video. */
export interface ClockReading {
  /** Number of the picture, from 1. */
  frame: number
  /** Milliseconds since it was drawn. */
  age: number
}

/**
 * Makes a clock the camera of the context's pages: a picture with its number and the time at which it was drawn, and a tone. Two rows
 * each have a white cell, bits (most significant first, white for 1), and a black cell, all equally wide.
 */
export async function installClockCamera(context: BrowserContext, width: number, height: number): Promise<void> {
  await context.addInitScript(
    ([pictureWidth, pictureHeight]) => {
      const canvas = Object.assign(document.createElement('canvas'), { width: pictureWidth, height: pictureHeight })
      const g = canvas.getContext('2d', { alpha: false })
      let frame = 0
      const row = (value: number, bits: number, y: number) => {
        if (!g) return
        const cell = Math.floor(canvas.width / (bits + 2))
        for (let index = 0; index < bits + 2; index++) {
          const white = index === 0 || (index <= bits && Math.floor(value / 2 ** (bits - index)) % 2 === 1)
          g.fillStyle = white ? '#fff' : '#000'
          g.fillRect(index * cell, y, cell, 24)
        }
      }
      const draw = () => {
        if (!g) return
        frame++
        g.fillStyle = `hsl(${frame % 360} 60% 40%)`
        g.fillRect(0, 0, canvas.width, canvas.height)
        for (let index = 0; index < 40; index++) {
          g.fillStyle = `hsl(${(index * 37 + frame * 3) % 360} 70% 60%)`
          const x = (index * 97 + frame * 7) % canvas.width
          g.fillRect(x, 60 + ((index * 53) % (canvas.height - 60)), 40, 40)
        }
        row(frame, 24, 0)
        row(Date.now() % 2 ** 32, 32, 28)
      }
      navigator.mediaDevices.getUserMedia = async () => {
        draw()
        setInterval(draw, 1000 / 30)
        const stream = canvas.captureStream(30)
        const audio = new AudioContext()
        const tone = audio.createOscillator()
        const out = audio.createMediaStreamDestination()
        tone.connect(out)
        tone.start()
        for (const track of out.stream.getAudioTracks()) stream.addTrack(track)
        return stream
      }
    },
    [width, height] as const,
  )
}

/** Reads the clock in every picture that `video` shows for `ms`, and gives what was read. */
export function readClock(video: Locator, ms: number): Promise<ClockReading[]> {
  return video.evaluate(async (element, duration) => {
    const shown = element as HTMLVideoElement
    const readings: { frame: number; age: number }[] = []
    const canvas = document.createElement('canvas')
    const g = canvas.getContext('2d', { willReadFrequently: true })
    const read = () => {
      const width = shown.videoWidth
      if (!g || width === 0) return
      if (canvas.width !== width) Object.assign(canvas, { width, height: 56 })
      g.drawImage(shown, 0, 0, width, 56, 0, 0, width, 56)
      const { data } = g.getImageData(0, 0, width, 56)
      const row = (bits: number, y: number): number | null => {
        const cell = Math.floor(width / (bits + 2))
        const white = (index: number) => (data[(y * width + Math.floor((index + 0.5) * cell)) * 4 + 1] ?? 0) > 127
        if (!white(0) || white(bits + 1)) return null
        let value = 0
        for (let bit = 1; bit <= bits; bit++) value = value * 2 + (white(bit) ? 1 : 0)
        return value
      }
      const [frame, drawn] = [row(24, 12), row(32, 40)]
      if (frame === null || drawn === null) return
      const now = Date.now() % 2 ** 32
      readings.push({ frame, age: (now - drawn + 2 ** 32) % 2 ** 32 })
    }
    const until = performance.now() + duration
    await new Promise<void>((resolve) => {
      // Nothing may be shown any more: the time ends it as well.
      const timer = setTimeout(resolve, duration + 1000)
      const next = () => {
        read()
        if (performance.now() < until) shown.requestVideoFrameCallback(next)
        else {
          clearTimeout(timer)
          resolve()
        }
      }
      shown.requestVideoFrameCallback(next)
    })
    return readings
  }, ms)
}
