import { GatewayError } from '../../shared/errors.ts'

/** Most bytes before the media of a recording: recorders need a few hundred. */
export const HEADER_BYTES = 64 * 1024

/** Most children of an element, or boxes in a box: recorders write a dozen. */
export const MAX_CHILDREN = 1_000

/** Most tracks of a recording. */
export const MAX_TRACKS = 16

/** Most elements (or boxes) from one piece of media to the next. */
export const MAX_ELEMENTS_BETWEEN = 1_000

/** Most bytes of one picture, or of any other element that FFmpeg holds as a whole. */
export const ELEMENT_BYTES = 16 * 1024 * 1024

/** Most bytes of a fragment's `moof`, which is read as a whole: about 16 000 samples. */
export const MOOF_BYTES = 256 * 1024

/** Most samples of one fragment, and of the tables of a `moov`. */
export const MAX_SAMPLES = 16_384

/** Of sound, in Hz, and its channels. */
const MAX_SAMPLE_RATE = 192_000
const MAX_CHANNELS = 8

/** What is said of a recording that is not taken. `message`: a sentence for its publisher. */
export function unsupported(message: string): GatewayError {
  return new GatewayError('unsupported_media', message)
}

/** The same of one that breaks off in the middle of what can be read. `offset`: in bytes from its beginning. */
export function damaged(offset: number): GatewayError {
  return unsupported(`The recording is damaged after ${offset} bytes.`)
}

/** The same of one with a header that does not end in time. */
export function headerTooLong(): GatewayError {
  return unsupported(`The header of the recording is longer than ${HEADER_BYTES} bytes.`)
}

/** @throws GatewayError for sound that would cost more to decode than any recorder's */
export function checkSound(sampleRate: number, channels: number): void {
  if (sampleRate > MAX_SAMPLE_RATE || channels > MAX_CHANNELS) {
    throw unsupported(
      `Sound with ${Math.round(sampleRate)} Hz and ${channels} channels is not taken: at most ${MAX_SAMPLE_RATE} Hz and ${MAX_CHANNELS}.`,
    )
  }
}

/** A name from a recording, fit for a sentence. */
export function quoted(name: string): string {
  return `"${name.replace(/[^\x20-\x7e]/g, '?').slice(0, 40)}"`
}
