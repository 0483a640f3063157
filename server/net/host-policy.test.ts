import { describe, expect, it } from 'vitest'
import { HostPolicy, normalHost } from './host-policy.ts'

const EVERYWHERE = new HostPolicy(['*'], async () => [{ address: '93.184.216.34' }])

/** The code that a host is refused with, or the addresses that may be connected to. */
async function pin(policy: HostPolicy, host: string): Promise<string> {
  const normal = normalHost(host)
  if (normal === null) return 'no host'
  return policy.pin(normal).then(
    (pinned) => pinned.map(({ address }) => address).join(' '),
    (error: { code: string }) => error.code,
  )
}

const answering =
  (...addresses: string[]) =>
  async () =>
    addresses.map((address) => ({ address }))

describe('where broadcasts may be sent to', () => {
  it.each([
    ['loopback', '127.0.0.1'],
    ['loopback, in short', '127.1'],
    ['loopback, decimal', '2130706433'],
    ['loopback, octal', '0177.0.0.1'],
    ['loopback, octal and short', '0177.1'],
    ['loopback, hexadecimal', '0x7f000001'],
    ['loopback, mixed', '0x7f.0.0.1'],
    ['loopback, in full-width digits', '１２７.0.0.1'],
    ['loopback, percent-encoded', '%31%32%37.0.0.1'],
    ['loopback, with a dot behind', '127.0.0.1.'],
    ['loopback, another address of it', '127.255.3.9'],
    ['loopback of IPv6', '[::1]'],
    ['loopback of IPv6, written out', '[0:0:0:0:0:0:0:1]'],
    ['IPv4 in IPv6', '[::ffff:127.0.0.1]'],
    ['IPv4 in IPv6, hexadecimal', '[::ffff:7f00:1]'],
    ['IPv4 in IPv6, the old way', '[::127.0.0.1]'],
    ['IPv4 behind NAT64', '[64:ff9b::127.0.0.1]'],
    ['IPv4 in 6to4', '[2002:7f00:1::]'],
    ['any address', '0.0.0.0'],
    ['any address, in short', '0'],
    ['any address of IPv6', '[::]'],
    ['a private network', '10.1.2.3'],
    ['a private network', '172.16.0.1'],
    ['a private network', '192.168.1.1'],
    ["a provider's own network", '100.64.0.1'],
    ['link-local, where clouds have their secrets', '169.254.169.254'],
    ['the same, decimal', '2852039166'],
    ['link-local of IPv6', '[fe80::1]'],
    ['a private network of IPv6', '[fc00::1]'],
    ['a private network of IPv6', '[fd12:3456::1]'],
    ['multicast', '224.0.0.1'],
    ['multicast of IPv6', '[ff02::1]'],
    ['broadcast', '255.255.255.255'],
    ['for documents', '[2001:db8::1]'],
  ])('refuses %s: %s', async (_, host) => {
    expect(['forbidden', 'no host']).toContain(await pin(EVERYWHERE, host))
  })

  it.each(['127.0.0.1', '10.0.0.1', '169.254.169.254', '::1', 'fe80::1', '::ffff:10.0.0.1', '0.0.0.0'])(
    'refuses a name that has the address %s',
    async (address) => {
      expect(await pin(new HostPolicy(['*'], answering(address)), 'innocent.example')).toBe('forbidden')
    },
  )

  it('takes the public address of a name that has others, too', async () => {
    const policy = new HostPolicy(['*'], answering('127.0.0.1', '93.184.216.34'))
    expect(await pin(policy, 'both.example')).toBe('93.184.216.34')
  })

  it('looks a name up once: what counts is what was looked at', async () => {
    const answers = ['93.184.216.34', '127.0.0.1']
    let lookups = 0
    const policy = new HostPolicy(['*'], async () => [{ address: answers[lookups++] ?? '' }])
    expect(await pin(policy, 'changing.example')).toBe('93.184.216.34')
    expect(lookups).toBe(1)
    expect(await pin(policy, 'changing.example')).toBe('forbidden')
  })

  it('refuses what is not on the list, and takes what is', async () => {
    const policy = new HostPolicy(['live.example.org', '*.twitch.tv', '192.0.2.7', '10.0.0.0/8'], answering('8.8.8.8'))
    const hosts = {
      'live.example.org': '8.8.8.8',
      'LIVE.example.org.': '8.8.8.8',
      'ingest.twitch.tv': '8.8.8.8',
      'a.b.twitch.tv': '8.8.8.8',
      'twitch.tv': 'forbidden',
      'eviltwitch.tv': 'forbidden',
      'twitch.tv.evil.example': 'forbidden',
      'other.example.org': 'forbidden',
      '192.0.2.7': '192.0.2.7',
      '10.9.8.7': '10.9.8.7',
      '[::ffff:10.9.8.7]': '10.9.8.7',
      '8.8.4.4': 'forbidden',
    }
    for (const [host, expected] of Object.entries(hosts))
      expect([host, await pin(policy, host)]).toEqual([host, expected])
  })

  it('takes a name with a private address where the operator has listed both', async () => {
    expect(await pin(new HostPolicy(['nas', '10.0.0.0/8'], answering('10.1.1.1')), 'nas')).toBe('10.1.1.1')
    expect(await pin(new HostPolicy(['nas'], answering('10.1.1.1')), 'nas')).toBe('forbidden')
    expect(await pin(new HostPolicy(['10.0.0.0/8'], answering('10.1.1.1')), 'nas')).toBe('forbidden')
  })

  it('says that a name is unknown, which may change', async () => {
    const policy = new HostPolicy(['*'], () => Promise.reject(new Error('ENOTFOUND')))
    expect(await pin(policy, 'nowhere.example')).toBe('unavailable')
  })

  it('refuses lists with anything else in them', () => {
    for (const entry of ['', 'a b', 'http://a.example', '10.0.0.0/99', '*.*', 'a..b']) {
      expect(() => new HostPolicy([entry]), entry).toThrow()
    }
  })
})
