/** `castgate`: broadcasting from a page, without any looks. */

export type { PlaybackLinks, StreamStatus, TargetStatus, ViewerStatus } from '../shared/status.ts'
export {
  Broadcaster,
  type BroadcasterEventMap,
  type BroadcasterOptions,
  type Resumption,
  type TokenSource,
} from './broadcaster.ts'
export { type BroadcasterState, type BroadcasterStats, isOver } from './broadcaster-state.ts'
export { type CameraChoice, openCamera } from './capture/camera.ts'
export { CaptureError, type CaptureErrorCode } from './capture/errors.ts'
export type { PictureSize } from './capture/picture-size.ts'
export { openScreen } from './capture/screen.ts'
export { QUALITIES, type Quality, qualityOf } from './record/quality.ts'
