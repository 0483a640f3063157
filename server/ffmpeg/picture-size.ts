/** Pixels of a picture. */
export interface PictureSize {
  width: number
  height: number
}

/** Largest picture of a recording where the operator says nothing else. */
export const MAX_PICTURE: PictureSize = { width: 3840, height: 2160 }

/** Longest side that can be asked for: H.264 has no larger picture (ITU-T H.264, table A-1, level 6.2). */
export const MAX_SIDE = 8192

/** Whether both sides are numbers that a picture can have. */
export function isPictureSize({ width, height }: PictureSize): boolean {
  return [width, height].every((side) => Number.isInteger(side) && side >= 16 && side <= MAX_SIDE)
}

/** Whether a picture is no larger than `most`, whichever way it stands. */
export function fits({ width, height }: PictureSize, most: PictureSize): boolean {
  const isLonger = Math.max(width, height) > Math.max(most.width, most.height)
  return !isLonger && Math.min(width, height) <= Math.min(most.width, most.height)
}

/** Pixels of it. */
export function areaOf({ width, height }: PictureSize): number {
  return width * height
}
