import { describe, expect, it } from 'vitest'
import { MatroskaWriter } from './matroska-writer.ts'
import { type Part, RecordingReader } from './reader.ts'

/** What the gateway's own reader finds in it. */
function read(bytes: Buffer): Part[] {
  return [...new RecordingReader('matroska').read(bytes)]
}

describe('a Matroska stream', () => {
  it('says its tracks as they are', () => {
    const writer = new MatroskaWriter()
    const head = writer.head([
      { kind: 'video', codecId: 'V_VP9', codecPrivate: null, width: 640, height: 360 },
      { kind: 'audio', codecId: 'A_OPUS', codecPrivate: Buffer.from('OpusHead'), channels: 2 },
    ])
    const frame = writer.frame({ track: 'video', time: 0, isKeyframe: true, data: Buffer.from('picture') })
    expect(read(Buffer.concat([head, frame]))[0]).toMatchObject({
      kind: 'tracks',
      tracks: { video: { codec: 'vp9', width: 640, height: 360 }, audio: { codec: 'opus' } },
    })
  })

  it('begins a cluster at each keyframe, and where a time does not fit into 16 bits', () => {
    const writer = new MatroskaWriter()
    const frame = (time: number, isKeyframe: boolean) =>
      writer.frame({ track: 'video', time, isKeyframe, data: Buffer.from('x') }).toString('hex')
    const cluster = '1f43b675'
    expect(frame(0, true)).toContain(cluster)
    expect(frame(40, false)).not.toContain(cluster)
    expect(frame(2_000, true)).toContain(cluster)
    expect(frame(31_990, false)).not.toContain(cluster)
    expect(frame(32_010, false)).toContain(cluster)
    // A picture may be shown before the keyframe that its cluster begins with.
    expect(frame(33_000, true)).toContain(cluster)
    expect(frame(32_960, false)).toMatch(/81ffd800/)
  })
})
