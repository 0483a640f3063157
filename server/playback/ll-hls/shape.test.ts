import { describe, expect, it } from 'vitest'
import { type FrameTime, lastShape, shapeOf, shapeOfEnded } from './shape.ts'

/** Frames of so many ms: pictures `pictureMs` apart, keyframes at the pictures next to these times, and sound. */
function frames(ms: number, pictureMs: number, keyframes: number[]): FrameTime[] {
  const found: FrameTime[] = []
  const due = [...keyframes]
  for (let at = 0; at < ms; at += pictureMs) {
    const isKeyframe = due[0] !== undefined && at >= due[0]
    if (isKeyframe) due.shift()
    found.push({ kind: isKeyframe ? 'keyframe' : 'interframe', timestamp: Math.round(at) })
  }
  for (let at = 0; at < ms; at += 1024 / 48) found.push({ kind: 'audio', timestamp: Math.round(at) })
  return found.sort((a, b) => a.timestamp - b.timestamp)
}

/** The first shape that is found while frames come, and when, in ms. */
function found(all: FrameTime[], asksForKeyframes = false) {
  for (let count = 1; count <= all.length; count++) {
    const shape = shapeOf(all.slice(0, count), { hasVideo: true, asksForKeyframes })
    if (shape) return { ...shape, at: all[count - 1]?.timestamp }
  }
  return null
}

const every = (ms: number) => Array.from({ length: 20 }, (_, index) => index * ms)

describe('the shape of a stream', () => {
  it.each<[string, FrameTime[], object]>([
    [
      'a keyframe every 2 s',
      frames(9_000, 33.37, every(2_000)),
      { partMs: 300, targetSeconds: 2, isRegular: true, at: 2_002 },
    ],
    [
      'a keyframe every second',
      frames(9_000, 40, every(1_000)),
      { partMs: 300, targetSeconds: 2, isRegular: true, at: 2_000 },
    ],
    ['a keyframe every 4 s', frames(9_000, 40, every(4_000)), { targetSeconds: 4, isRegular: true }],
    [
      'a keyframe every 1.7 s, always',
      frames(9_000, 40, every(1_680)),
      { targetSeconds: 3, isRegular: true, at: 3_360 },
    ],
    ['keyframes at scene cuts', frames(9_000, 40, [0, 1_280, 3_720]), { targetSeconds: 10, isRegular: false }],
    ['a keyframe every 10 s', frames(9_000, 40, every(10_000)), { targetSeconds: 10, isRegular: false, at: 6_000 }],
    ['12.5 pictures a second', frames(9_000, 80, every(2_000)), { partMs: 325, targetSeconds: 2 }],
    ['8 pictures a second', frames(9_000, 125, every(2_000)), { partMs: 380, targetSeconds: 2 }],
    ['2 pictures a second', frames(9_000, 500, [0]), { partMs: 505, targetSeconds: 2, isRegular: true }],
    ['a picture every 5 s', frames(9_000, 5_000, [0]), { partMs: 1_000, targetSeconds: 2, isRegular: true }],
  ])('with %s', (_, all, expected) => {
    expect(found(all)).toMatchObject(expected)
  })

  it('has a target duration of its keyframes, where a page asks its encoder for them', () => {
    expect(found(frames(9_000, 40, [0, 2_160]), true)).toMatchObject({ targetSeconds: 2, isRegular: true })
    expect(found(frames(9_000, 40, [0, 2_160]))).toMatchObject({ targetSeconds: 10, isRegular: false })
  })

  it('of sound alone is known after two seconds', () => {
    const sound = frames(3_000, 10_000, []).filter(({ kind }) => kind === 'audio')
    const traits = { hasVideo: false, asksForKeyframes: false }
    expect(shapeOf(sound.slice(0, 80), traits)).toBeNull()
    expect(shapeOf(sound, traits)).toEqual({ partMs: 300, targetSeconds: 2, isRegular: true })
  })

  it('that has ended is that of its one segment', () => {
    expect(shapeOfEnded(frames(800, 40, [0]))).toMatchObject({ partMs: 300, targetSeconds: 1 })
    expect(lastShape(frames(800, 40, [0]))).toMatchObject({ targetSeconds: 10, isRegular: false })
  })
})
