import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { plainTag, readMedia } from './media.ts'
import { TAG_TYPE, type Tag } from './tag.ts'

const video = (hex: string): Tag => ({ type: TAG_TYPE.video, timestamp: 0, body: bytes(hex) })
const audio = (hex: string): Tag => ({ type: TAG_TYPE.audio, timestamp: 0, body: bytes(hex) })
const bytes = (hex: string) => Buffer.from(hex.replaceAll(' ', ''), 'hex')
const fourCc = (text: string) => Buffer.from(text).toString('hex')

describe('a picture or a piece of sound', () => {
  it.each([
    ['a header of H.264', video('17 00 000000 0142'), { codec: 'h264', kind: 'header', isEnhanced: false }],
    ['a keyframe that is shown 80 ms later', video('17 01 000050 65'), { kind: 'keyframe', composition: 80 }],
    [
      'a picture that is shown earlier than it is decoded',
      video('27 01 ffffd8 41'),
      { kind: 'frame', composition: -40 },
    ],
    ['the end of a sequence', video('17 02 000000'), { kind: 'end' }],
    ['a picture without bytes', video('27 01 000000'), { kind: 'other' }],
    ['H.263', video('22 0000'), { codec: 'flv1', kind: 'frame' }],
    ['VP6', video('14 00 00'), { codec: 'vp6f', kind: 'keyframe' }],
    ['HEVC as it is sent in China', video('1c 01 000000 26'), { codec: 'hevc', kind: 'keyframe', isEnhanced: false }],
    ['a codec that is not known', video('1f 00'), { codec: 'codec 15' }],
    [
      'a header of HEVC (enhanced)',
      video(`90 ${fourCc('hvc1')} 01`),
      { codec: 'hevc', kind: 'header', isEnhanced: true },
    ],
    ['a keyframe of HEVC (enhanced)', video(`91 ${fourCc('hvc1')} 000028 26`), { kind: 'keyframe', composition: 40 }],
    [
      'a keyframe of HEVC that is shown at once',
      video(`93 ${fourCc('hvc1')} 26`),
      { kind: 'keyframe', composition: 0 },
    ],
    [
      'a picture of AV1, which has no composition time',
      video(`a1 ${fourCc('av01')} 0a0b`),
      { codec: 'av1', kind: 'frame' },
    ],
    ['colours (enhanced)', video(`94 ${fourCc('hvc1')} 02`), { kind: 'other' }],
    ['a codec that is not known (enhanced)', video(`91 ${fourCc('xyz1')} 00`), { codec: 'xyz1' }],
    ['a header of AAC', audio('af 00 1190'), { codec: 'aac', kind: 'header' }],
    ['AAC', audio('af 01 21'), { codec: 'aac', kind: 'frame' }],
    ['AAC without bytes', audio('af 01'), { kind: 'other' }],
    ['MP3', audio('2f fffb'), { codec: 'mp3', kind: 'frame' }],
    ['Speex', audio('b2 00'), { codec: 'speex' }],
    ['Opus (enhanced)', audio(`91 ${fourCc('Opus')} fc`), { codec: 'opus', kind: 'frame', isEnhanced: true }],
    ['a header of Opus (enhanced)', audio(`90 ${fourCc('Opus')} 4f`), { kind: 'header' }],
  ])('is taken apart: %s', (_, tag, media) => {
    expect(readMedia(tag)).toMatchObject(media)
  })

  it.each([
    ['nothing', video('')],
    ['two bytes of H.264', video('57 00')],
    ['a FourCC that is cut off', video('91 6876')],
    ['one byte of AAC', audio('af')],
    ['metadata', { type: TAG_TYPE.script, timestamp: 0, body: bytes('02') }],
  ])('is none: %s', (_, tag) => {
    expect(readMedia(tag)).toBeNull()
  })

  it.each([
    ['a header of H.264', video(`90 ${fourCc('avc1')} 0142`), '17 00 000000 0142'],
    ['a keyframe of H.264', video(`91 ${fourCc('avc1')} 000028 65`), '17 01 000028 65'],
    ['a picture of H.264', video(`a3 ${fourCc('avc1')} 41`), '27 01 000000 41'],
    ['a header of AAC', audio(`90 ${fourCc('mp4a')} 1190`), 'af 00 1190'],
    ['AAC', audio(`91 ${fourCc('mp4a')} 21`), 'af 01 21'],
  ])('is written as FLV writes it where it came as enhanced RTMP writes it: %s', (_, tag, plain) => {
    const media = readMedia(tag)
    expect(media && plainTag(tag, media).body.toString('hex')).toBe(plain.replaceAll(' ', ''))
  })

  it('is read or is none, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.constantFrom(TAG_TYPE.video, TAG_TYPE.audio), fc.uint8Array({ maxLength: 20 }), (type, body) => {
        const tag = { type, timestamp: 0, body: Buffer.from(body) }
        const media = readMedia(tag)
        if (media) expect(plainTag(tag, media).body.length).toBeGreaterThan(0)
      }),
    )
  })
})
