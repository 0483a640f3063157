import fc from 'fast-check'
import { expect, it } from 'vitest'
import { FrameReader, frame } from './framing.ts'

it('packets come out of a connection as they went in, however it is cut', () => {
  const packets = fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 }), { maxLength: 20 })
  fc.assert(
    fc.property(packets, fc.integer({ min: 1, max: 97 }), (sent, step) => {
      const bytes = Buffer.concat(sent.map((each) => frame(Buffer.from(each))))
      const reader = new FrameReader(300)
      const got: Buffer[] = []
      for (let at = 0; at < bytes.length; at += step) got.push(...(reader.read(bytes.subarray(at, at + step)) ?? []))
      expect(got).toEqual(sent.map((each) => Buffer.from(each)))
    }),
  )
})

it('nothing is read any more behind a packet that is too large', () => {
  expect(new FrameReader(300).read(Buffer.from([1, 45, 0]))).toBeNull()
})
