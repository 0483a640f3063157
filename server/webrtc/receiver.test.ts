import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type ReceivedFrame, TrackReceiver } from './receiver.ts'
import type { RtpPacket } from './rtp.ts'
import type { AnsweredMedia } from './sdp.ts'

const VIDEO: AnsweredMedia = {
  ...{ kind: 'video', mid: '0', transportSequenceId: null },
  codec: { payloadType: 96, name: 'vp8', clockRate: 90_000, parameters: '', feedback: [], retransmission: 97 },
}

/** Pictures of VP8 in three packets each; every twentieth is a keyframe. The number of a picture stands in each of its packets. */
function packetsOf(pictures: number): RtpPacket[] {
  return Array.from({ length: pictures * 3 }, (_, index) => {
    const [picture, part] = [Math.floor(index / 3), index % 3]
    const isKeyframe = picture % 20 === 0
    const data = part === 0 ? Buffer.from([isKeyframe ? 0x10 : 0x11, picture]) : Buffer.from([part, picture])
    return {
      ...{ payloadType: 96, marker: part === 2, sequence: index & 0xffff, timestamp: picture * 3000, ssrc: 1 },
      payload: Buffer.concat([Buffer.from([part === 0 ? 0x10 : 0]), data]),
      ...{ extensions: null, bytes: Buffer.alloc(0) },
    }
  })
}

function receiver() {
  const frames: ReceivedFrame[] = []
  return { frames, track: new TrackReceiver(VIDEO, (frame) => frames.push(frame)) }
}

const pictureOf = ({ data }: ReceivedFrame) => data[1] ?? -1

describe('a picture that is received', () => {
  it('comes out whole, at its time', () => {
    const { frames, track } = receiver()
    for (const packet of packetsOf(12)) track.take(packet, packet.timestamp / 90)
    expect(frames.map(pictureOf)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11])
    expect(frames.map(({ time }) => Math.round(time))).toEqual(frames.map((_, index) => Math.round((index * 100) / 3)))
    expect(track.counters.framesLeftOut).toBe(0)
  })

  it('and that builds on one that is not whole is left out, until the next keyframe, which is asked for', () => {
    const { frames, track } = receiver()
    const asked: number[] = []
    for (const packet of packetsOf(34).filter(({ sequence }) => sequence !== 10)) {
      const now = packet.timestamp / 90
      track.take(packet, now)
      if (track.tick(now).needsKeyframe) asked.push(Math.round(now))
    }
    expect(frames.map(pictureOf)).toEqual([0, 1, 2, ...Array.from({ length: 14 }, (_, index) => index + 20)])
    expect(track.counters).toMatchObject({ framesLeftOut: 17, lost: 1 })
    expect(asked.length).toBeGreaterThan(1)
  })

  it('is whole where what was missing came when it was asked for', () => {
    const { frames, track } = receiver()
    for (const packet of packetsOf(24)) {
      const now = packet.timestamp / 90
      if (packet.sequence !== 10) track.take(packet, now)
      const { asks } = track.tick(now)
      const payload = Buffer.concat([Buffer.from([0, 10]), packetsOf(4)[10]?.payload ?? Buffer.alloc(0)])
      const again = { ...packet, payloadType: 97, ssrc: 2, sequence: 1, timestamp: 9000, marker: false, payload }
      if (asks.includes(10)) track.take(again, now)
    }
    expect(frames.map(pictureOf)).toEqual(Array.from({ length: 24 }, (_, index) => index))
    expect(track.counters).toMatchObject({ recovered: 1, lost: 0, framesLeftOut: 0 })
  })

  it('begins anew with a keyframe where its source does', () => {
    const { frames, track } = receiver()
    for (const packet of packetsOf(5)) track.take(packet, packet.timestamp / 90)
    for (const packet of packetsOf(22).slice(3)) track.take({ ...packet, ssrc: 9 }, 200 + packet.timestamp / 90)
    expect(frames.map(pictureOf)).toEqual([0, 1, 2, 3, 4, 20, 21])
  })

  it('is never broken, and never builds on one that is missing, whatever is lost, late or there twice', () => {
    const fates = fc.array(fc.constantFrom('on time', 'on time', 'on time', 'lost', 'late', 'twice'), {
      ...{ minLength: 180, maxLength: 180 },
    })
    fc.assert(
      fc.property(fates, (chosen) => {
        const { frames, track } = receiver()
        const late: RtpPacket[] = []
        for (const [index, packet] of packetsOf(60).entries()) {
          const now = packet.timestamp / 90
          const fate = chosen[index]
          if (fate === 'late') late.push(packet)
          else if (fate !== 'lost') track.take(packet, now)
          if (fate === 'twice') track.take(packet, now)
          const next = late.shift()
          if (next && fate === 'on time') track.take(next, now)
          else if (next) late.unshift(next)
          track.tick(now)
        }
        track.tick(10_000)
        for (const [index, frame] of frames.entries()) {
          const picture = pictureOf(frame)
          expect(frame.data).toEqual(Buffer.from([frame.isKeyframe ? 0x10 : 0x11, picture, 1, picture, 2, picture]))
          const before = frames[index - 1]
          if (!frame.isKeyframe) expect(before && pictureOf(before)).toBe(picture - 1)
        }
      }),
    )
  })
})
