import { createHmac } from 'node:crypto'
import { crc32 } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bindingError, bindingSuccess, isAuthentic, parseBindingRequest } from './stun.ts'

/** Requests and answers of RFC 5769, sections 2.1 and 2.2, which RFC 8489 keeps. */
const PASSWORD = 'VOkJxbRl1RmTxUk/WvJxBt'
const REQUEST = Buffer.from(
  `000100582112a442b7e7a701bc34d686fa87dfae802200105354554e207465737420636c69656e74002400046e0001ff80290008932ff9b151263b36
   000600096576746a3a68367659202020000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a280280004e57a3bcf`.replace(/\s/g, ''),
  'hex',
)
const SUCCESS_MAPPED = { address: '192.0.2.1', port: 32853 }

/** A request as a client makes it. */
function request(attributes: [number, Buffer][], password = PASSWORD): Buffer {
  const encode = ([type, value]: [number, Buffer]) => {
    const padded = Buffer.alloc(Math.ceil(value.length / 4) * 4)
    value.copy(padded)
    return Buffer.concat([Buffer.from([type >> 8, type & 255, value.length >> 8, value.length & 255]), padded])
  }
  const seal = (bytes: Buffer, more: number) => {
    bytes.writeUInt16BE(bytes.length - 20 + more, 2)
    return bytes
  }
  const head = Buffer.from('000100002112a4420102030405060708090a0b0c', 'hex')
  const plain = seal(Buffer.concat([head, ...attributes.map(encode)]), 24)
  const hmac = createHmac('sha1', password).update(plain).digest()
  const sealed = seal(Buffer.concat([plain, encode([8, hmac])]), 8)
  const print = Buffer.alloc(4)
  print.writeUInt32BE((crc32(sealed) ^ 0x5354554e) >>> 0)
  return Buffer.concat([sealed, encode([0x8028, print])])
}

const USER = [6, Buffer.from('ours:theirs')] as [number, Buffer]

describe('a Binding request', () => {
  it('of RFC 5769 is read, and authentic with its password alone', () => {
    const read = parseBindingRequest(REQUEST)
    expect(read).toMatchObject({ username: 'evtj:h6vY', nominates: false, isControlled: true, unknown: [] })
    expect(read && isAuthentic(read, PASSWORD)).toBe(true)
    expect(read && isAuthentic(read, `${PASSWORD}x`)).toBe(false)
  })

  it('says whether its sender has chosen the path', () => {
    expect(parseBindingRequest(request([USER, [0x25, Buffer.alloc(0)]]))?.nominates).toBe(true)
    expect(parseBindingRequest(request([USER]))?.nominates).toBe(false)
  })

  it('is none where a byte of it is changed, but for its fingerprint, which it need not have', () => {
    const whole = request([USER, [0x24, Buffer.from([1, 2, 3, 4])]])
    for (let at = 0; at < whole.length - 8; at++) {
      const changed = Buffer.from(whole)
      changed[at] = (changed[at] ?? 0) ^ 0x10
      const read = parseBindingRequest(changed)
      expect([at, read !== null && isAuthentic(read, PASSWORD)]).toEqual([at, false])
    }
  })

  it('says nothing by what stands behind its integrity (RFC 8489, section 14.5)', () => {
    const sealed = request([USER])
    const late = Buffer.concat([sealed.subarray(0, -8), Buffer.from([0, 0x25, 0, 0])])
    late.writeUInt16BE(late.length - 20, 2)
    expect(parseBindingRequest(late)).toMatchObject({ nominates: false })
  })

  it('never throws, whatever comes', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => void parseBindingRequest(Buffer.from(bytes))))
    const mixed = fc.tuple(fc.nat(REQUEST.length - 1), fc.nat(255))
    fc.assert(
      fc.property(fc.array(mixed, { maxLength: 8 }), (changes) => {
        const bytes = Buffer.from(REQUEST)
        for (const [at, value] of changes) bytes[at] = value
        const read = parseBindingRequest(bytes)
        if (read) isAuthentic(read, PASSWORD)
      }),
    )
  })
})

describe('an answer', () => {
  it.each([
    [SUCCESS_MAPPED.address, SUCCESS_MAPPED.port, '0001a147e112a643'],
    ['::ffff:192.0.2.1', 32853, '0001a147e112a643'],
    ['2001:db8:1234:5678:11:2233:4455:6677', 32853, '0002a1470113a9faa5d3f179bc25f4b5bed2b9d9'],
  ])('tells %s where it is, as RFC 5769 does (sections 2.2 and 2.3)', (address, port, mapped) => {
    const read = parseBindingRequest(REQUEST)
    const answer = read && bindingSuccess(read, { address, port }, PASSWORD)
    expect(answer?.subarray(0, 2).toString('hex')).toBe('0101')
    expect(answer?.subarray(8, 20)).toEqual(REQUEST.subarray(8, 20))
    expect(answer?.toString('hex')).toContain(mapped)
  })

  it('refuses what has to be understood and is not (RFC 8489, section 6.3.1)', () => {
    const read = parseBindingRequest(request([USER, [0x7777, Buffer.alloc(0)]]))
    expect(read?.unknown).toEqual([0x7777])
    const refusal = read && bindingError(read, PASSWORD)
    expect(refusal?.toString('hex')).toContain('00000414')
    expect(refusal?.toString('hex')).toContain('000a00027777')
  })

  it('refuses one who waits for us to choose (RFC 8445, section 7.3.1.1), and nobody else', () => {
    const [read, other] = [parseBindingRequest(REQUEST), parseBindingRequest(request([USER]))]
    expect(read && bindingError(read, PASSWORD)?.toString('hex')).toContain('00000457')
    expect(other && bindingError(other, PASSWORD)).toBeNull()
  })
})
