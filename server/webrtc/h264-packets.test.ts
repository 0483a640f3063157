import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { depacketizerFor } from './depacketizer.ts'
import { parameterSetsOf, payloadsOf } from './h264-packets.ts'

const SPS = Buffer.from('6742c01fd9005005bb0110000003001000000303c0f183', 'hex')
const PPS = Buffer.from('68cb83cb20', 'hex')
const RECORD = Buffer.concat([
  Buffer.from([1, 0x42, 0xc0, 0x1f, 0xff, 0xe1, 0, SPS.length]),
  SPS,
  Buffer.from([1, 0, PPS.length]),
  PPS,
])
const SETS = { sets: [SPS, PPS], lengthBytes: 4 }

const withLength = (unit: Buffer) => {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(unit.length)
  return Buffer.concat([length, unit])
}

describe('the parameter sets of a record', () => {
  it('are read, and how long lengths are', () => {
    expect(parameterSetsOf(RECORD)).toEqual(SETS)
  })

  it('are none where it is cut off, wherever', () => {
    for (let end = 0; end < RECORD.length; end++)
      expect([end, parameterSetsOf(RECORD.subarray(0, end))]).toEqual([end, null])
  })
})

describe('the packets of a picture', () => {
  it('fit into 1,280 bytes with what stands before them, and are the picture again', () => {
    const units = fc.array(fc.tuple(fc.constantFrom(1, 5, 6), fc.integer({ min: 1, max: 6000 })), {
      ...{ minLength: 1, maxLength: 4 },
    })
    fc.assert(
      fc.property(units, (given) => {
        const all = given.map(([type, length]) => Buffer.concat([Buffer.from([0x60 | type]), Buffer.alloc(length, 7)]))
        const isKeyframe = given.some(([type]) => type === 5)
        const payloads = payloadsOf(Buffer.concat(all.map(withLength)), SETS)
        expect(Math.max(...payloads.map(({ length }) => length))).toBeLessThanOrEqual(1180)
        const depacketizer = depacketizerFor('h264')
        for (const payload of payloads) depacketizer.push(payload)
        const frame = depacketizer.finish()
        if (!given.some(([type]) => type <= 5)) {
          expect(frame).toBeNull()
          return
        }
        const expected = (isKeyframe ? [SPS, PPS, ...all] : all).map(withLength)
        expect(frame).toMatchObject({ kind: 'frame', isKeyframe, data: Buffer.concat(expected) })
      }),
    )
  })

  it('have no parameter sets twice, and no delimiter', () => {
    const [idr, delimiter] = [Buffer.from([0x65, 1]), Buffer.from([9, 0xf0])]
    const picture = Buffer.concat([delimiter, SPS, PPS, idr].map(withLength))
    expect(payloadsOf(picture, SETS)).toEqual([SPS, PPS, idr])
  })

  it('are something or nothing, and no error, whatever the picture is', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => void payloadsOf(Buffer.from(bytes), SETS)))
  })
})
