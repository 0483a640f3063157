import { describe, expect, it } from 'vitest'
import { chooseType } from './format.ts'

const both = { video: true, audio: true }

describe('chooseType', () => {
  it('asks for H.264 in WebM first', () => {
    expect(chooseType(both, () => true)).toBe('video/webm;codecs=avc1.42E01F,opus')
  })

  it('takes MP4 where a browser records nothing else, as older Safari does', () => {
    expect(chooseType(both, (type) => type.startsWith('video/mp4'))).toBe('video/mp4;codecs=avc1.42E01F,mp4a.40.2')
  })

  it('takes VP8 from Firefox', () => {
    expect(chooseType(both, (type) => /^video\/webm(;codecs=vp8.*)?$/.test(type))).toBe('video/webm;codecs=vp8,opus')
  })

  it('does not promise a track that is not there', () => {
    expect(chooseType({ video: true, audio: false }, () => true)).toBe('video/webm;codecs=avc1.42E01F')
    expect(chooseType({ video: false, audio: true }, () => true)).toBe('audio/webm;codecs=opus')
  })

  it('says null for a browser that records nothing', () => {
    expect(chooseType(both, () => false)).toBeNull()
  })
})
