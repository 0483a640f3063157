/** Loudness below which the meter shows nothing, in dB relative to full scale. */
const FLOOR_DB = -60

/** Measures how loud a stream is. */
export interface LevelMeter {
  /** From 0 (silence) to 1 (as loud as can be). */
  read(): number
  close(): void
}

/**
 * Measures the sound of `stream`; null where it has none. Browsers run it only after the person did something on the page; until
 * then it reads 0.
 */
export function measureLevel(stream: MediaStream): LevelMeter | null {
  if (stream.getAudioTracks().length === 0) return null
  const context = new AudioContext()
  const analyser = context.createAnalyser()
  analyser.fftSize = 1024
  const source = context.createMediaStreamSource(stream)
  source.connect(analyser)
  if (context.state === 'suspended') void context.resume()
  const samples = new Float32Array(analyser.fftSize)
  return {
    read() {
      analyser.getFloatTimeDomainData(samples)
      let peak = 0
      for (const sample of samples) peak = Math.max(peak, Math.abs(sample))
      const decibels = 20 * Math.log10(peak || 1e-9)
      return Math.min(1, Math.max(0, 1 - decibels / FLOOR_DB))
    },
    close() {
      source.disconnect()
      void context.close()
    },
  }
}
