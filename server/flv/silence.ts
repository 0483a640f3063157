import { readAacConfig } from './aac.ts'
import { AAC, TAG_TYPE, type Tag } from './tag.ts'

/** Sound format AAC, 44 kHz, 16 bits, stereo: what annex E.4.2.1 wants of every AAC tag, whatever its real rate. */
const SOUND = (AAC << 4) | 0x0f

/** AudioSpecificConfig (ISO/IEC 14496-3, 1.6.2.1): AAC-LC, 48 kHz, two channels. */
const STEREO_48K = Buffer.from([SOUND, 0, 0x11, 0x90])

/** Raw data blocks (ISO/IEC 14496-3, 4.4.2.1) without a spectrum, by the number of channels: each element, then the end. */
const FRAMES: readonly (string | undefined)[] = [
  undefined,
  '00c800802380',
  '211004608c1c',
  '00c8008020840126400864008e',
  '00c800802084012640086400802c80080238',
  '00c800802084012640086400823004990021900238',
  '00c800802084012640086400823004990021900200b2002008e0',
]

/** A raw data block of silence for so many channels; null where there is none. */
export function silentBlock(channels: number): Buffer | null {
  const hex = FRAMES[channels]
  return hex === undefined ? null : Buffer.from(hex, 'hex')
}

/** A longer gap in the picture is not filled: a hostile one could be years. */
const MAX_GAP_MS = 10_000

/** Samples of one AAC frame. */
const SAMPLES = 1024

/**
 * Makes silent AAC: some targets, YouTube among them, show nothing without an audio track, and players stop where a track does. It needs no encoder:
 * every frame of silence is the same few bytes.
 */
export class Silence {
  /** The audio header that its frames go with. */
  readonly header: Buffer
  /** Length of a frame, in ms. */
  readonly frameMs: number
  readonly #frame: Buffer
  #start: number
  #frames = 0

  /** Begins at `start` (ms), in the shape that the audio header `like` announces; null for stereo at 48 kHz. */
  constructor(start: number, like: Buffer | null = null) {
    this.#start = start
    const config = like && readAacConfig({ body: like })
    const known = FRAMES[config?.channels ?? 2]
    const frame = known ?? FRAMES[2]
    this.header = like && config && known ? like : STEREO_48K
    this.frameMs = (SAMPLES * 1000) / (config && known ? config.sampleRate : 48_000)
    this.#frame = Buffer.concat([Buffer.from([SOUND, 1]), Buffer.from(frame ?? '', 'hex')])
  }

  /** Where the silence ends that was made so far, in ms. */
  get end(): number {
    return this.#start + this.#frames * this.frameMs
  }

  /** Tags that bring the silence up to `timestamp` (ms). After a gap in the picture it goes on behind the gap. */
  *upTo(timestamp: number): Generator<Tag, void, undefined> {
    if (timestamp - this.end > MAX_GAP_MS) {
      this.#start = timestamp
      this.#frames = 0
    }
    while (this.end <= timestamp) {
      const at = Math.round(this.end)
      this.#frames++
      yield { type: TAG_TYPE.audio, timestamp: at, body: this.#frame }
    }
  }
}
