/** Why no camera, microphone, screen or file can be captured. */
export type CaptureErrorCode =
  | 'insecure_origin'
  | 'unsupported_browser'
  | 'permission_denied'
  | 'no_device'
  | 'device_in_use'
  | 'not_possible'
  | 'bad_file'
  | 'cancelled'

/** An error that says in words what happened, and what a person can do. */
export class CaptureError extends Error {
  readonly code: CaptureErrorCode

  constructor(code: CaptureErrorCode, message: string) {
    super(message)
    this.name = 'CaptureError'
    this.code = code
  }
}

/**
 * Makes sure that the browser gives this page cameras and screens at all (Media Capture and Streams, 10.1: `mediaDevices` is
 * there in secure contexts only).
 * @throws CaptureError `insecure_origin` or `unsupported_browser`
 */
export function requireCapture(): MediaDevices {
  if (!globalThis.isSecureContext) {
    throw new CaptureError(
      'insecure_origin',
      'Browsers give cameras and screens to secure pages only. Open this page over https, or on the computer that it runs on at http://localhost.',
    )
  }
  // The types promise it; older browsers do not have it.
  const devices: MediaDevices | undefined = navigator.mediaDevices
  if (!devices) throw new CaptureError('unsupported_browser', 'This browser cannot capture video. Use a current one.')
  return devices
}

/** What a failed `getUserMedia` or `getDisplayMedia` means to a person. `what` is what was asked for, such as "camera". */
export function captureErrorOf(error: unknown, what: 'camera' | 'screen'): CaptureError {
  if (error instanceof CaptureError) return error
  switch (error instanceof Error ? error.name : '') {
    case 'NotAllowedError':
    case 'SecurityError':
      return what === 'screen'
        ? new CaptureError('cancelled', 'No screen was chosen. Press the button again, and choose what to share.')
        : new CaptureError(
            'permission_denied',
            'The browser was not allowed to use the camera or microphone. Allow it with the icon beside the address, and try again.',
          )
    case 'NotFoundError':
    case 'OverconstrainedError':
      return new CaptureError('no_device', `No ${what} was found. Connect one, or broadcast a screen or a file.`)
    case 'NotReadableError':
    case 'AbortError':
      return new CaptureError(
        'device_in_use',
        `The ${what} does not start. Another program may be using it: close that, and try again.`,
      )
    default:
      return new CaptureError(
        'not_possible',
        `The ${what} cannot be captured: ${error instanceof Error ? error.message : String(error)}`,
      )
  }
}
