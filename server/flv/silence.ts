import { AAC, TAG_TYPE, type Tag } from './tag.ts'

/** Sound format AAC, 44 kHz, 16 bits, stereo: what annex E.4.2.1 wants of every AAC tag, whatever its real rate. */
const SOUND = (AAC << 4) | 0x0f

/** AudioSpecificConfig (ISO/IEC 14496-3, 1.6.2.1): AAC-LC, 48 kHz, two channels. */
const CONFIG = Buffer.from([SOUND, 0, 0x11, 0x90])

/** A raw_data_block (ISO/IEC 14496-3, 4.4.2.1): a channel pair without a spectrum, then the end. */
const FRAME = Buffer.from([SOUND, 1, 0x21, 0x10, 0x04, 0x60, 0x8c, 0x1c])

/** A longer gap in the picture is not filled: a hostile one could be years. */
const LONGEST_GAP_MS = 10_000

/** Samples of one AAC frame, and the rate of the configuration above. */
const SAMPLES = 1024
const RATE = 48_000

/**
 * Makes silent AAC to go with a picture that has no sound: some targets, YouTube among them, show nothing without an
 * audio track. It needs no encoder: every frame of silence is the same six bytes.
 */
export class Silence {
  #start: number | null = null
  #frames = 0;

  /**
   * Tags that bring the silence up to `timestamp` (ms). The first call gives the AAC header as well. After a gap in the picture it
   * goes on behind the gap.
   */
  *upTo(timestamp: number): Generator<Tag, void, undefined> {
    if (this.#start === null) {
      this.#start = timestamp
      yield { type: TAG_TYPE.audio, timestamp, body: CONFIG }
    } else if (timestamp - this.#start - (this.#frames * SAMPLES * 1000) / RATE > LONGEST_GAP_MS) {
      this.#start = timestamp
      this.#frames = 0
    }
    for (;;) {
      const at = this.#start + Math.round((this.#frames * SAMPLES * 1000) / RATE)
      if (at > timestamp) return
      this.#frames++
      yield { type: TAG_TYPE.audio, timestamp: at, body: FRAME }
    }
  }
}
