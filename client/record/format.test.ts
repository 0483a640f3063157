import { describe, expect, it } from 'vitest'
import { typesFor } from './format.ts'

const both = { video: true, audio: true }

describe('typesFor', () => {
  it('asks for H.264 in WebM first', () => {
    expect(typesFor(both, () => true)[0]).toBe('video/webm;codecs=avc1.42E01F,opus')
  })

  it('takes MP4 where a browser records nothing else, as older Safari does', () => {
    expect(typesFor(both, (type) => type.startsWith('video/mp4'))[0]).toBe('video/mp4;codecs=avc1.42E01F,mp4a.40.2')
  })

  it('takes VP8 from Firefox', () => {
    expect(typesFor(both, (type) => /^video\/webm(;codecs=vp8.*)?$/.test(type))[0]).toBe('video/webm;codecs=vp8,opus')
  })

  it('does not promise a track that is not there', () => {
    expect(typesFor({ video: true, audio: false }, () => true)[0]).toBe('video/webm;codecs=avc1.42E01F')
    expect(typesFor({ video: false, audio: true }, () => true)[0]).toBe('audio/webm;codecs=opus')
  })

  it('says nothing for a browser that records nothing', () => {
    expect(typesFor(both, () => false)).toEqual([])
  })
})
