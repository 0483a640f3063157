import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { AmfError, type AmfValue, readAmf, writeAmf, writeEcmaArray } from './amf.ts'

const bytes = (hex: string) => Buffer.from(hex.replaceAll(' ', ''), 'hex')

describe('AMF0', () => {
  it.each<[string, string, AmfValue]>([
    ['a number (2.2)', '00 3ff0000000000000', 1],
    ['a boolean (2.3)', '01 01', true],
    ['a string (2.4)', '02 0004 6c697665', 'live'],
    ['null (2.7)', '05', null],
    ['undefined (2.8)', '06', undefined],
    ['a strict array (2.12)', '0a 00000002 05 0101', [null, true]],
    ['a date (2.13)', '0b 4059000000000000 0000', 100],
    ['a long string (2.14)', '0c 00000002 6869', 'hi'],
    ['an object (2.5)', '03 0003 617070 02 0004 6c697665 0000 09', new Map([['app', 'live']])],
    ['an ECMA array (2.10)', '08 00000000 0001 61 0101 0000 09', new Map([['a', true]])],
    ['a typed object (2.18)', '10 0001 43 0001 61 05 0000 09', new Map([['a', null]])],
    ['an object that ends with its message', '03 0001 61 05', new Map([['a', null]])],
    ['a number of AMF3', '11 04 7f', 127],
    ['a negative number of AMF3', '11 04 ffffffff', -1],
    ['a string of AMF3', '11 06 09 6c697665', 'live'],
  ])('reads %s', (_, hex, value) => {
    expect(readAmf(bytes(hex))).toEqual([value])
  })

  it('has names of objects that are names like any other', () => {
    const [object] = readAmf(writeAmf(new Map([['__proto__', 'x']])))
    expect(object).toEqual(new Map([['__proto__', 'x']]))
    expect(Object.prototype).not.toHaveProperty('x')
  })

  it.each([
    ['ends too early', '02 0004 6c69'],
    ['has a type that RTMP has no use for', '04'],
    ['is nested too deep', '03 000161'.repeat(20)],
    ['has a reference of AMF3', '11 06 08'],
  ])('is refused where it %s', (_, hex) => {
    expect(() => readAmf(bytes(hex))).toThrow(AmfError)
  })

  it('believes no count: a list of four billion costs nothing', () => {
    expect(() => readAmf(bytes('0a ffffffff 05'))).toThrow('ends too early')
    expect(() => readAmf(Buffer.concat([bytes('0a ffffffff'), Buffer.alloc(50_000, 5)]))).toThrow('1000 values')
  })

  it('is written as it is read', () => {
    const { value } = fc.letrec<{ value: AmfValue }>((tie) => ({
      value: fc.oneof(
        { maxDepth: 3 },
        fc.double({ noNaN: true }),
        fc.boolean(),
        fc.string({ unit: 'grapheme', maxLength: 20 }),
        fc.constant(null),
        fc.constant(undefined),
        fc.array(tie('value'), { maxLength: 4 }),
        fc
          .array(fc.tuple(fc.string({ minLength: 1, maxLength: 8 }), tie('value')), { maxLength: 4 })
          .map((pairs) => new Map(pairs)),
      ),
    }))
    fc.assert(
      fc.property(fc.array(value, { maxLength: 4 }), (values) => {
        expect(readAmf(writeAmf(...values))).toEqual(values)
      }),
    )
  })

  it('is written as an ECMA array where it is metadata', () => {
    expect(writeEcmaArray(new Map([['a', true]])).toString('hex')).toBe('08000000010001610101000009')
  })

  it('of a hostile peer is read or refused, and nothing else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        try {
          readAmf(Buffer.from(bytes))
        } catch (error) {
          expect(error).toBeInstanceOf(AmfError)
        }
      }),
      { numRuns: 2_000 },
    )
  })
})
