/** What a capture is asked for. */
export interface PictureSize {
  width: number
  height: number
  frameRate: number
}
