import type { IncomingMessage } from 'node:http'
import { describe, expect, it } from 'vitest'
import { baseOf } from './request.ts'

function request(headers: Record<string, string>, remoteAddress = '127.0.0.1'): IncomingMessage {
  return { headers, socket: { remoteAddress } } as unknown as IncomingMessage
}

describe('baseOf', () => {
  const fallback = 'http://127.0.0.1:8080'

  it('takes the public URL where there is one', () => {
    expect(baseOf(request({ host: 'x' }), 'https://live.example.org/', fallback)).toBe('https://live.example.org')
  })

  it('takes the host of the request, and what a proxy on this machine says', () => {
    expect(baseOf(request({ host: 'box.local:8080' }), null, fallback)).toBe('http://box.local:8080')
    const proxied = { host: 'inner', 'x-forwarded-proto': 'https', 'x-forwarded-host': 'live.example.org' }
    expect(baseOf(request(proxied), null, fallback)).toBe('https://live.example.org')
    expect(baseOf(request(proxied, '192.0.2.7'), null, fallback)).toBe('http://inner')
  })

  it.each(['a b', '"><script>', 'host/path', ''])('does not repeat a host that is none: %s', (host) => {
    expect(baseOf(request({ host }), null, fallback)).toBe(fallback)
  })
})
