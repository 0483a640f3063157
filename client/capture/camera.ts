import { captureErrorOf, requireCapture } from './errors.ts'
import type { PictureSize } from './picture-size.ts'

/** Which devices to use; null for the browser's choice, `none` for no such device. */
export interface CameraChoice {
  camera: string | 'none' | null
  microphone: string | 'none' | null
}

/**
 * Opens a camera and a microphone.
 * @throws CaptureError which says what a person can do
 */
export async function openCamera(choice: CameraChoice, size: PictureSize): Promise<MediaStream> {
  const video: MediaTrackConstraints = {
    width: { ideal: size.width },
    height: { ideal: size.height },
    frameRate: { ideal: size.frameRate },
    ...(choice.camera && { deviceId: { exact: choice.camera } }),
  }
  const audio: MediaTrackConstraints | true = choice.microphone ? { deviceId: { exact: choice.microphone } } : true
  try {
    return await requireCapture().getUserMedia({
      video: choice.camera === 'none' ? false : video,
      audio: choice.microphone === 'none' ? false : audio,
    })
  } catch (error) {
    throw captureErrorOf(error, 'camera')
  }
}
