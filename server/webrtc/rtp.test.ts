import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { nack, parseRtcp, pictureLoss, receiverReport } from './rtcp.ts'
import { extensionOf, parseRtp, Unwrapper } from './rtp.ts'

const HEAD = '000a0000000100000007'
const hex = (text: string) => Buffer.from(text.replace(/\s/g, ''), 'hex')

describe('a packet of RTP', () => {
  it('is read with its marker, its extensions and its padding', () => {
    const packet = parseRtp(hex(`b1e0${HEAD} 00000009 bede0002 10ff2102 03000000 beef 0003`))
    expect(packet).toMatchObject({ payloadType: 96, marker: true, sequence: 10, timestamp: 1, ssrc: 7 })
    expect(packet?.payload.toString('hex')).toBe('be')
    expect(packet && extensionOf(packet, 1)?.toString('hex')).toBe('ff')
    expect(packet && extensionOf(packet, 2)?.toString('hex')).toBe('0203')
    expect(packet && extensionOf(packet, 3)).toBeNull()
  })

  it('may have extensions of the long form (RFC 8285, section 4.3)', () => {
    const packet = parseRtp(hex(`9060${HEAD} 10000001 05020102 aa`))
    expect(packet && extensionOf(packet, 5)?.toString('hex')).toBe('0102')
  })

  it.each([
    ['is too short', '8060'],
    ['is of another version', `4060${HEAD}`],
    ['has extensions that it does not have', `9060${HEAD}bede00ff`],
    ['has more padding than bytes', `a060${HEAD}ff`],
    ['has padding of nothing', `a060${HEAD}00`],
    ['has sources that it does not have', `8f60${HEAD}00`],
  ])('is none where it %s', (_, bytes) => {
    expect(parseRtp(hex(bytes))).toBeNull()
  })

  it('never makes anything throw, whatever it is', () => {
    const bytes = fc.uint8Array({ maxLength: 80 })
    fc.assert(
      fc.property(fc.constantFrom(0x80, 0x90, 0xb0, 0xa0, 0x9f), bytes, fc.nat(255), (first, rest, id) => {
        const packet = parseRtp(Buffer.from([first, ...rest]))
        if (packet) extensionOf(packet, id)
        parseRtcp(Buffer.from([first, ...rest]))
      }),
    )
  })
})

describe('numbers that wrap around', () => {
  it('go on without an end, also where they come out of order', () => {
    const unwrapper = new Unwrapper(16)
    const begin = unwrapper.next(65_000)
    expect([65_535, 3, 65_534, 10].map((each) => unwrapper.next(each) - begin)).toEqual([535, 539, 534, 546])
  })

  it('are told apart as long as they are nearer than half of their range', () => {
    const steps = fc.array(fc.integer({ min: -30_000, max: 32_767 }), { maxLength: 50 })
    fc.assert(
      fc.property(fc.nat(65_535), steps, (first, all) => {
        const unwrapper = new Unwrapper(16)
        let highest = unwrapper.next(first)
        for (const step of all) {
          const expected = highest + step
          if (expected < 0) continue
          expect(unwrapper.next(((expected % 65_536) + 65_536) % 65_536)).toBe(expected)
          highest = Math.max(highest, expected)
        }
      }),
    )
  })
})

describe('RTCP', () => {
  it('of a sender tells its clock, whatever comes with it', () => {
    const report = hex('80c80006 00000007 e6000001 80000000 0000ea60 00000001 00000002')
    const bye = hex('81cb0001 00000007')
    expect(parseRtcp(Buffer.concat([report, bye]))).toEqual([
      {
        ...{ kind: 'sender-report', ssrc: 7, rtpTime: 60_000, stamp: 0x00018000 },
        sentAt: (0xe6000001 - 2_208_988_800 + 0.5) * 1000,
      },
    ])
  })

  it('of a viewer tells what it lacks, and how it receives', () => {
    const block = { ssrc: 2, fractionLost: 64, lost: 3, highest: 9, jitter: 0, lastReport: null }
    const packet = Buffer.concat([receiverReport(1, [block]), nack(1, 2, [10, 11, 26, 65_535])])
    expect(parseRtcp(packet)).toEqual([
      { kind: 'receiver-report', ssrc: 2, lost: 0.25 },
      { kind: 'nack', ssrc: 2, sequences: [10, 11, 26, 65_535] },
    ])
  })

  it('of ours asks for packets, 17 in an item', () => {
    const asked = nack(1, 2, [10, 11, 26, 27, 65_535])
    expect(asked).toEqual(hex('81cd0005 00000001 00000002 000a8001 001b0000 ffff0000'))
  })

  it('of ours asks for a keyframe, and says how packets came', () => {
    expect(pictureLoss(1, 2).toString('hex')).toBe('81ce00020000000100000002')
    const block = { ssrc: 2, fractionLost: 64, lost: -1, highest: 0x1000a, jitter: 3.4, lastReport: null }
    expect(receiverReport(1, [block]).toString('hex')).toBe(
      ['81c90007', '00000001', '00000002', '40ffffff', '0001000a', '00000003', '00000000', '00000000'].join(''),
    )
  })
})
