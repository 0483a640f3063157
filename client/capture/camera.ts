import { captureErrorOf, requireCapture } from './errors.ts'
import type { PictureSize } from './picture-size.ts'

/** Sound as it comes in (Media Capture and Streams, 4.3.8). */
const AS_IT_IS: MediaTrackConstraints = {
  echoCancellation: false,
  noiseSuppression: false,
  autoGainControl: false,
  channelCount: { ideal: 2 },
}

/** Which devices to use; null for the browser's choice, `none` for no such device. */
export interface CameraChoice {
  camera: string | 'none' | null
  microphone: string | 'none' | null
  /** The microphone hears music: in stereo, and without what makes a voice clear (echo and noise suppression, automatic gain). */
  music?: boolean
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
  const audio: MediaTrackConstraints = {
    ...(choice.microphone && { deviceId: { exact: choice.microphone } }),
    ...(choice.music && AS_IT_IS),
  }
  try {
    return await requireCapture().getUserMedia({
      video: choice.camera === 'none' ? false : video,
      audio: choice.microphone === 'none' ? false : audio,
    })
  } catch (error) {
    throw captureErrorOf(error, 'camera')
  }
}
