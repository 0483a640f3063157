import type { TagKind } from '../../flv/tag.ts'

/** What a playlist says once and holds to: the durations of its parts and segments. */
export interface Shape {
  /** EXT-X-PART-INF: PART-TARGET, in ms. */
  partMs: number
  /** EXT-X-TARGETDURATION, in seconds. */
  targetSeconds: number
  /** Whether keyframes are expected to begin every segment. */
  isRegular: boolean
}

/** A frame as the shape is found by: what it is, and when, in ms. */
export interface FrameTime {
  kind: TagKind
  timestamp: number
}

/** A part of a stream with pictures as usual, in ms. */
const PART_MS = 300

/** The least that a part has of the target (RFC 8216bis, 4.4.4.9). */
export const LEAST_OF_PART = 0.85

/** A part of a stream with a picture now and then, in ms: each has the picture again. */
const SLOW_PART_MS = 1_000

/** A segment ends at the first keyframe from here on: a recorder's keyframe every 2 s comes a little early at times. */
export const SEGMENT_MS = 1_900

/** Bounds of the target duration, in seconds. The longest holds 250 pictures at 24 a second, the default of x264. */
const MIN_TARGET_SECONDS = 2
const MAX_TARGET_SECONDS = 10

/** So long is waited for a second keyframe, in ms. */
const PATIENCE_MS = 6_000
/** And so long for another picture, where none or few come: the sound has the time. */
const SLOW_PATIENCE_MS = 2_000
/** Pictures that are further apart than this, in ms, are few. */
const SLOW_PICTURES_MS = 240

/** Keyframes that are set to come every so many ms, or a multiple of it, are regular; they come with the next picture. */
const USUAL_STEP_MS = 500
const USUALLY_EARLY_MS = 40
const USUALLY_LATE_MS = 75

/** What else there is to know of a stream. */
export interface StreamTraits {
  hasVideo: boolean
  /** Whether keyframes come because the publisher, which is ours, asks for them. */
  asksForKeyframes: boolean
}

/**
 * The shape of a stream by its first frames, which begin with one that a segment may begin with; null while more of it is to be seen.
 */
export function shapeOf(frames: readonly FrameTime[], { hasVideo, asksForKeyframes }: StreamTraits): Shape | null {
  const first = frames[0]?.timestamp ?? 0
  const span = spanOf(frames)
  if (!hasVideo)
    return span >= SEGMENT_MS ? { partMs: PART_MS, targetSeconds: MIN_TARGET_SECONDS, isRegular: true } : null
  const isSlow = picturesOf(frames).length <= 1 + span / SLOW_PICTURES_MS
  const partMs = partOf(frames)
  if (isSlow && span >= SLOW_PATIENCE_MS) return { partMs, targetSeconds: MIN_TARGET_SECONDS, isRegular: true }
  const keyframes = frames.filter(({ kind }) => kind === 'keyframe').map(({ timestamp }) => timestamp)
  const end = keyframes.find((at) => at - first >= SEGMENT_MS)
  if (end === undefined) return span >= PATIENCE_MS ? lastShape(frames) : null
  const gops = keyframes.slice(1).map((at, index) => at - (keyframes[index] ?? 0))
  const seconds = Math.max(MIN_TARGET_SECONDS, Math.round((end - first) / 1000))
  const isRegular = seconds <= MAX_TARGET_SECONDS && (asksForKeyframes || areUsual(gops))
  return { partMs, targetSeconds: isRegular ? seconds : MAX_TARGET_SECONDS, isRegular }
}

/** The shape of a stream whose keyframes may come at any time. */
export function lastShape(frames: readonly FrameTime[]): Shape {
  return { partMs: partOf(frames), targetSeconds: MAX_TARGET_SECONDS, isRegular: false }
}

/** The shape of a stream that has ended: that of its one segment, where it is short. */
export function shapeOfEnded(frames: readonly FrameTime[]): Shape {
  const seconds = Math.max(1, Math.round((spanOf(frames) + PART_MS / 2) / 1000))
  return { ...lastShape(frames), targetSeconds: Math.min(MAX_TARGET_SECONDS, seconds) }
}

function spanOf(frames: readonly FrameTime[]): number {
  const first = frames[0]?.timestamp ?? 0
  return frames.reduce((latest, { timestamp }) => Math.max(latest, timestamp), first) - first
}

function picturesOf(frames: readonly FrameTime[]): number[] {
  return frames.filter(({ kind }) => kind !== 'audio').map(({ timestamp }) => timestamp)
}

/** Parts end with a picture: they have so many that they are as long as usual, in ms. */
function partOf(frames: readonly FrameTime[]): number {
  const pictures = picturesOf(frames)
  if (pictures.length === 0) return PART_MS
  const steps = pictures.slice(1).map((at, index) => at - (pictures[index] ?? 0))
  const usual = steps.sort((a, b) => a - b)[Math.floor(steps.length / 2)] ?? SLOW_PART_MS
  const least = usual * Math.ceil((PART_MS * LEAST_OF_PART) / Math.max(1, usual))
  if (least <= PART_MS) return PART_MS
  // Times are rounded to ms.
  return Math.min(SLOW_PART_MS, Math.ceil(least) + 5)
}

/** Whether keyframes come as they are set to: always as far apart, or every second, two seconds and the like. */
function areUsual(gops: readonly number[]): boolean {
  const [first = 0, ...rest] = gops
  if (rest.length > 0 && rest.every((gop) => Math.abs(gop - first) <= USUALLY_EARLY_MS)) return true
  return gops.every((gop) => (gop + USUALLY_EARLY_MS) % USUAL_STEP_MS <= USUALLY_EARLY_MS + USUALLY_LATE_MS)
}
