import type { DeviceEvent } from './source.ts'

/** Something that went wrong: `code` is that of a {@link CaptureError}, of a failed broadcast, or of a device; `message` is for people. */
export interface Problem {
  code: string
  message: string
  /** What the person may choose in the place of what is missing. */
  offers?: 'microphone' | 'camera' | 'screen'
}

export const NO_FILE: Problem = { code: 'no_file', message: 'Choose a video file first, or drop one on the preview.' }

export const STREAM_OVER: Problem = {
  code: 'stream_over',
  message: 'The stream that this page gave has ended. Reload the page.',
}

/** The microphone of a screen or a file that is broadcast does not open: that goes on without. */
export const WITHOUT_MICROPHONE: Problem = {
  code: 'without_microphone',
  message:
    'The microphone does not open, so nobody hears you. Allow it with the icon beside the address, or choose another.',
  offers: 'microphone',
}

/** What it means that a device has ended or was muted by itself, while viewers watch (`isLive`) or not; null where it means nothing. */
export function deviceProblem({ what, change, label }: DeviceEvent, isLive: boolean): Problem | null {
  const name = label === '' ? '' : ` “${label}”`
  const [unheard, card] = isLive ? [', and nobody hears you', '; viewers see a card'] : ['', '']
  switch (`${what} ${change}`) {
    case 'microphone ended':
      return {
        code: 'microphone_ended',
        message: `The microphone${name} has stopped${unheard}. Connect it again, or choose another.`,
        offers: 'microphone',
      }
    case 'microphone muted':
      return {
        code: 'microphone_muted',
        message: `The microphone${name} is muted by this device or by a call${unheard}. Turn it on there.`,
        offers: 'microphone',
      }
    case 'camera ended':
      return {
        code: 'camera_ended',
        message: `The camera${name} has stopped${card}. Connect it again, or choose another.`,
        offers: 'camera',
      }
    case 'camera muted':
      return {
        code: 'camera_muted',
        message: `The camera${name} is held back by this device or by a call${card}.`,
        offers: 'camera',
      }
    case 'screen ended':
      return {
        code: 'screen_ended',
        message: `The screen is no longer shared${card}. Choose a screen again, or another source.`,
        offers: 'screen',
      }
    default:
      return null
  }
}
