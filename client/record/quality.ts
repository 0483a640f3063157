/** How a broadcast is to look: what is asked of the capture and of the recorder. */
export interface Quality {
  id: string
  label: string
  width: number
  height: number
  frameRate: number
  videoBitsPerSecond: number
  audioBitsPerSecond: number
}

const AUDIO_BITS = 96_000

/** What people choose from, best first. */
export const QUALITIES: readonly Quality[] = [
  preset('1080p', 1920, 1080, 30, 4_500_000),
  preset('720p60', 1280, 720, 60, 4_000_000),
  preset('720p', 1280, 720, 30, 2_500_000),
  preset('540p', 960, 540, 30, 1_500_000),
  preset('360p', 640, 360, 30, 700_000),
]

/** Their ids. */
export const QUALITY_IDS: readonly string[] = QUALITIES.map(({ id }) => id)

/** What an uplink gets that carries none of the above. Nobody chooses it. */
export const LOWEST_QUALITY: Quality = preset('240p', 426, 240, 30, 300_000)

/** The one to begin with. */
export const DEFAULT_QUALITY_ID = '720p'

/** The quality with this id, or the default one. */
export function qualityOf(id: string): Quality {
  const found =
    QUALITIES.find((quality) => quality.id === id) ?? QUALITIES.find((quality) => quality.id === DEFAULT_QUALITY_ID)
  if (!found) throw new Error('The default quality is not among the qualities.')
  return found
}

function preset(id: string, width: number, height: number, frameRate: number, videoBitsPerSecond: number): Quality {
  const label = `${width}×${height}, ${frameRate} fps, ${videoBitsPerSecond / 1e6} Mbit/s`
  return { id, label, width, height, frameRate, videoBitsPerSecond, audioBitsPerSecond: AUDIO_BITS }
}
