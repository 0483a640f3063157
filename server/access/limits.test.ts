import { describe, expect, it } from 'vitest'
import type { GatewayError } from '../../shared/errors.ts'
import { LIMITS_IN_ALL, LIMITS_PER_ADDRESS, Limits, networkOf } from './limits.ts'

const PER_ADDRESS = { connections: 9, sockets: 2, broadcasts: 1, hellos: 2, calls: 3, megabytes: 1 }
const IN_ALL = { connections: 9, sockets: 3, broadcasts: 10, hellos: 3, calls: 100, megabytes: 2 }

async function codeOf(action: () => unknown): Promise<string | null> {
  try {
    await action()
    return null
  } catch (error) {
    return (error as GatewayError).code
  }
}

describe('limits', () => {
  it('hold what lasts until it is over, once', async () => {
    const limits = new Limits(PER_ADDRESS, IN_ALL)
    const leave = limits.hold('sockets', 'a')
    limits.hold('sockets', 'a')
    expect(await codeOf(() => limits.hold('sockets', 'a'))).toBe('too_many')
    leave()
    leave()
    limits.hold('sockets', 'a')
    expect(await codeOf(() => limits.hold('sockets', 'a'))).toBe('too_many')
  })

  it('count each address by itself, and all of them together', async () => {
    const limits = new Limits(PER_ADDRESS, IN_ALL)
    for (const address of ['a', 'a', 'b']) limits.hold('sockets', address)
    expect(await codeOf(() => limits.hold('sockets', 'c'))).toBe('too_many')
    await limits.note('hellos', 'a')
    await limits.note('hellos', 'a')
    expect(await codeOf(() => limits.note('hellos', 'a'))).toBe('too_many')
    expect(await codeOf(() => limits.note('hellos', 'b'))).toBeNull()
    expect(await codeOf(() => limits.note('hellos', 'b'))).toBe('too_many')
  })

  it('hold a program on this machine to the sum alone', async () => {
    const limits = new Limits(PER_ADDRESS, IN_ALL)
    for (let socket = 0; socket < IN_ALL.sockets; socket++) limits.hold('sockets', null)
    expect(await codeOf(() => limits.hold('sockets', null))).toBe('too_many')
  })

  it('count bytes', async () => {
    const limits = new Limits(PER_ADDRESS, IN_ALL)
    expect(await codeOf(() => limits.note('megabytes', 'a', 999_999))).toBeNull()
    expect(await codeOf(() => limits.note('megabytes', 'a', 2))).toBe('too_many')
  })
})

describe('what counts as one address', () => {
  it.each([
    ['192.0.2.7', '192.0.2.7'],
    ['::ffff:192.0.2.7', '192.0.2.7'],
    ['2001:db8:1:2::7', '2001:db8:1:2::/64'],
    ['2001:db8:1:2:ffff:ffff:ffff:ffff', '2001:db8:1:2::/64'],
    ['2001:db8:1:3::7', '2001:db8:1:3::/64'],
    ['fe80::1%eth0', 'fe80::/64'],
    ['unknown', 'unknown'],
  ])('%s is %s', (address, counted) => {
    expect(networkOf(address)).toBe(counted)
  })

  it('is a network of IPv6: one customer has all of its addresses', () => {
    const limits = new Limits({ ...LIMITS_PER_ADDRESS, sockets: 1 }, LIMITS_IN_ALL)
    limits.hold('sockets', '2001:db8:1:2::1')
    expect(() => limits.hold('sockets', '2001:db8:1:2::2')).toThrow(/Try again/)
    expect(() => limits.hold('sockets', '2001:db8:1:3::1')).not.toThrow()
  })
})
