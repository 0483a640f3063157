import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type CodecName, depacketizerFor } from './depacketizer.ts'

const SPS = Buffer.from('6742c01fd9005005bb0110000003001000000303c0f183', 'hex')
const PPS = Buffer.from('68cb83cb20', 'hex')
const unit = (type: number, length: number) => Buffer.concat([Buffer.from([0x60 | type]), Buffer.alloc(length, type)])

function aggregate(...units: Buffer[]): Buffer {
  const parts = units.flatMap((each) => [Buffer.from([each.length >> 8, each.length & 255]), each])
  return Buffer.concat([Buffer.from([24]), ...parts])
}

function fragments(whole: Buffer, size: number): Buffer[] {
  const head = whole[0] ?? 0
  const parts: Buffer[] = []
  for (let at = 1; at < whole.length; at += size) {
    const flags = (at === 1 ? 0x80 : 0) | (at + size >= whole.length ? 0x40 : 0)
    parts.push(Buffer.concat([Buffer.from([(head & 0xe0) | 28, flags | (head & 31)]), whole.subarray(at, at + size)]))
  }
  return parts
}

const avcc = (...units: Buffer[]) =>
  Buffer.concat(units.flatMap((each) => [Buffer.from([0, 0, each.length >> 8, each.length & 255]), each]))

describe('pictures of H.264', () => {
  const IDR = unit(5, 3000)
  it.each([
    ['single packets', [SPS, PPS, ...fragments(IDR, 1000)]],
    ['one packet for parameter sets', [aggregate(SPS, PPS), ...fragments(IDR, 1000)]],
    ['the first set alone', [SPS, aggregate(PPS, unit(5, 100)), ...fragments(IDR, 900)]],
  ])('have their parameter sets, which came in %s', (_, payloads) => {
    const depacketizer = depacketizerFor('h264')
    for (const payload of payloads) depacketizer.push(payload)
    const frame = depacketizer.finish()
    expect(frame).toMatchObject({ kind: 'frame', isKeyframe: true, header: { sps: SPS, pps: PPS } })
    expect(frame?.kind === 'frame' && frame.data.subarray(0, 4 + SPS.length + 4 + PPS.length)).toEqual(avcc(SPS, PPS))
    expect(frame?.kind === 'frame' && frame.data.subarray(-IDR.length)).toEqual(IDR)
  })

  it('have them also where they came once, and where they came apart', () => {
    const depacketizer = depacketizerFor('h264')
    depacketizer.push(aggregate(SPS, PPS))
    expect(depacketizer.finish()).toBeNull()
    depacketizer.push(unit(5, 10))
    expect(depacketizer.finish()).toMatchObject({ isKeyframe: true, data: avcc(SPS, PPS, unit(5, 10)) })
    depacketizer.push(unit(1, 10))
    expect(depacketizer.finish()).toEqual({ kind: 'frame', isKeyframe: false, data: avcc(unit(1, 10)) })
  })

  it.each([
    ['has no parameter sets', [unit(5, 10)]],
    ['lacks its beginning', fragments(unit(1, 3000), 1000).slice(1)],
    ['lacks its end', fragments(unit(1, 3000), 1000).slice(0, 2)],
    ['is an aggregate that is cut off', [aggregate(unit(1, 10)).subarray(0, 8)]],
    ['is of a kind that we do not offer', [unit(29, 10)]],
  ])('are broken where one %s', (_, payloads) => {
    const depacketizer = depacketizerFor('h264')
    for (const payload of payloads) depacketizer.push(payload)
    expect(depacketizer.finish()).toEqual({ kind: 'broken' })
  })
})

describe('pictures of VP8 and VP9', () => {
  it('of VP8 are put together, and tell their size', () => {
    const depacketizer = depacketizerFor('vp8')
    const picture = Buffer.from('10020 09d012a80026801'.replace(/ /g, '').padEnd(40, '0'), 'hex')
    depacketizer.push(Buffer.concat([Buffer.from('9080ffff', 'hex'), picture.subarray(0, 12)]))
    depacketizer.push(Buffer.concat([Buffer.from('8080ffff', 'hex'), picture.subarray(12)]))
    expect(depacketizer.finish()).toMatchObject({ isKeyframe: true, data: picture, size: { width: 640, height: 360 } })
    depacketizer.push(Buffer.from('80800001ff', 'hex'))
    expect(depacketizer.finish()).toEqual({ kind: 'broken' })
  })

  it('of VP9 are put together, and tell their size', () => {
    const depacketizer = depacketizerFor('vp9')
    // A picture id of two bytes, the beginning, and a structure with one layer of 640×360.
    depacketizer.push(Buffer.from('8a80011002800168aabb', 'hex'))
    depacketizer.push(Buffer.from('848001cc', 'hex'))
    expect(depacketizer.finish()).toEqual({
      ...{ kind: 'frame', isKeyframe: true, data: Buffer.from('aabbcc', 'hex') },
      size: { width: 640, height: 360 },
    })
    depacketizer.push(Buffer.from('cc8002dd', 'hex'))
    expect(depacketizer.finish()).toMatchObject({ isKeyframe: false, data: Buffer.from('dd', 'hex') })
  })
})

it('never throw, whatever comes, and give no more than they got', () => {
  const payloads = fc.array(fc.uint8Array({ minLength: 1, maxLength: 60 }), { maxLength: 12 })
  fc.assert(
    fc.property(fc.constantFrom<CodecName>('h264', 'vp8', 'vp9', 'opus'), payloads, (codec, given) => {
      const depacketizer = depacketizerFor(codec)
      for (const payload of given) depacketizer.push(Buffer.from(payload))
      const frame = depacketizer.finish()
      if (frame?.kind !== 'frame') return
      const bytes = given.reduce((sum, { length }) => sum + length, 0)
      expect(frame.data.length).toBeLessThan(bytes * 5 + 200)
    }),
  )
})
