import { describe, expect, it } from 'vitest'
import { ffmpeg } from '../../e2e/support/media.ts'
import { firstSps, pictureFormat } from './avc.ts'
import { card } from './card.ts'
import { encodeFileHeader, encodeTag } from './tag.ts'

describe('the card that stands for a camera', () => {
  it.each([
    [1280, 720, null],
    [642, 358, null],
    [16, 16, null],
    [18, 34, null],
    [3840, 2160, null],
    [720, 576, { width: 64, height: 45 }],
  ])(
    'is a dark picture of %s×%s that FFmpeg decodes, every pixel of it the same',
    async (width, height, pixelAspect) => {
      const { header, keyframe } = card({ width, height, pixelAspect }, 40)
      expect(pictureFormat(header)).toMatchObject({ width, height, pixelAspect })
      const input = [encodeFileHeader({ video: true, audio: false }), encodeTag(header), encodeTag(keyframe)]
      const raw = ['-f', 'rawvideo', '-pix_fmt', 'yuv420p', 'pipe:1']
      const { stdout, stderr } = await ffmpeg(
        ['-v', 'warning', '-f', 'flv', '-i', 'pipe:0', ...raw],
        Buffer.concat(input),
      )
      expect(stderr).toBe('')
      expect(stdout.length).toBe((width * height * 3) / 2)
      expect(new Set(stdout.subarray(0, width * height))).toEqual(new Set([24]))
      expect(new Set(stdout.subarray(width * height))).toEqual(new Set([128]))
    },
  )

  it('is small', () => {
    expect(card({ width: 1920, height: 1080, pixelAspect: null }, 0).keyframe.body.length).toBeLessThan(10_000)
  })

  it('has a header that can be read again', () => {
    const { header } = card({ width: 640, height: 360, pixelAspect: null }, 0)
    expect(firstSps(header.body.subarray(5))).toMatchObject({ width: 640, height: 360, pixelAspect: null })
  })
})
