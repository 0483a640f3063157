import fc from 'fast-check'
import { expect, it } from 'vitest'
import { OggReader } from './ogg.ts'

/** A page with these packets, each of which ends in it. */
function page(packets: Buffer[]): Buffer {
  const sizes = packets.flatMap(({ length }) => [...Array<number>(Math.floor(length / 255)).fill(255), length % 255])
  const head = Buffer.alloc(27)
  head.write('OggS')
  head.writeUInt8(sizes.length, 26)
  return Buffer.concat([head, Buffer.from(sizes), ...packets])
}

it('packets come out of Ogg as they went in, however it is cut', () => {
  const packets = fc.array(fc.uint8Array({ minLength: 1, maxLength: 700 }), { minLength: 1, maxLength: 20 })
  fc.assert(
    fc.property(packets, fc.integer({ min: 1, max: 200 }), (given, step) => {
      const bytes = Buffer.concat(given.map((each) => page([Buffer.from(each)])))
      const reader = new OggReader()
      const got: Buffer[] = []
      for (let at = 0; at < bytes.length; at += step) got.push(...reader.read(bytes.subarray(at, at + step)))
      expect(got).toEqual(given.map((each) => Buffer.from(each)))
    }),
  )
})

it('what is no Ogg is said to be none', () => {
  expect(() => new OggReader().read(Buffer.alloc(27))).toThrow('This is no Ogg.')
})
