import { CaptureError, captureErrorOf, requireCapture } from './errors.ts'
import type { PictureSize } from './picture-size.ts'

/**
 * Lets the person choose a screen, a window or a tab, with its sound where the browser gives it.
 * @throws CaptureError `cancelled` where they chose nothing
 */
export async function openScreen(size: PictureSize): Promise<MediaStream> {
  const devices = requireCapture()
  // Browsers of phones have no such function.
  if (!('getDisplayMedia' in devices)) {
    throw new CaptureError('unsupported_browser', 'This browser cannot share a screen. Use one on a computer.')
  }
  try {
    return await devices.getDisplayMedia({
      video: { width: { max: size.width }, height: { max: size.height }, frameRate: { ideal: size.frameRate } },
      audio: true,
    })
  } catch (error) {
    throw captureErrorOf(error, 'screen')
  }
}
