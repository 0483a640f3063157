import { GatewayError } from '../../shared/errors.ts'
import type { PictureSize } from '../ffmpeg/picture-size.ts'
import { type FfmpegExit, lastWords } from '../ffmpeg/run.ts'

/** What is said of a recording that cannot be gone on with. */

/** `size`: as `1920×1080`. */
export function tooLarge(size: string, most: PictureSize): GatewayError {
  return new GatewayError(
    'unsupported_media',
    `A picture of ${size} pixels is larger than this server takes: ${most.width}×${most.height}.`,
  )
}

export function notStarted(): GatewayError {
  return new GatewayError('unavailable', 'The server cannot start FFmpeg. Its operator sees the reason in the log.')
}

export function unreadable(exit: FfmpegExit): GatewayError {
  return new GatewayError('unsupported_media', `The recording cannot be read. ${lastWords(exit)}`)
}

export function tooMuchMemory(): GatewayError {
  return new GatewayError(
    'unsupported_media',
    'The recording needs more memory than this server gives to one broadcast.',
  )
}

export function deadly(losses: number, exit: FfmpegExit): GatewayError {
  return new GatewayError('unsupported_media', `FFmpeg failed ${losses} times with this recording. ${lastWords(exit)}`)
}
