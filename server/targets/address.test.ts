import { describe, expect, it } from 'vitest'
import { HostPolicy } from '../net/host-policy.ts'
import { readTarget, secretsOf } from './address.ts'
import { PRESET_HOSTS, PRESETS } from './presets.ts'

describe('a target', () => {
  it.each([
    ['rtmp://a.example/app', 'key', ['a.example', 1935, 'app', 'key']],
    ['rtmp://a.example/app/key', undefined, ['a.example', 1935, 'app', 'key']],
    ['rtmps://a.example/app/key?sign=a/b', undefined, ['a.example', 443, 'app', 'key?sign=a/b']],
    ['RTMP://A.Example:1936/live/event/', 'k', ['a.example', 1936, 'live/event', 'k']],
    ['rtmp://a.example/live/event/k', undefined, ['a.example', 1935, 'live/event', 'k']],
    ['rtmp://a.example/app?auth=1', 'k', ['a.example', 1935, 'app?auth=1', 'k']],
    ['rtmp://[2001:db8::1]/app', 'k', ['2001:db8::1', 1935, 'app', 'k']],
    ['rtmp://2130706433/app', 'k', ['127.0.0.1', 1935, 'app', 'k']],
  ])('%s with the key %s', (url, key, expected) => {
    const { host, port, app, key: read } = readTarget({ url, key })
    expect([host, port, app, read]).toEqual(expected)
  })

  it('is a preset with a key, at a host that is allowed where nothing else is said', () => {
    const policy = new HostPolicy(PRESET_HOSTS)
    for (const { id, title } of PRESETS) {
      const target = readTarget({ preset: id, key: 'k' })
      expect(target).toMatchObject({ name: title, secure: true, key: 'k' })
      expect(() => policy.requireHost(target.host)).not.toThrow()
    }
  })

  it.each([
    ['nothing', {}],
    ['another scheme', { url: 'http://a.example/app', key: 'SECRET' }],
    ['a file', { url: 'file:///etc/passwd', key: 'SECRET' }],
    ['no application', { url: 'rtmp://a.example', key: 'SECRET' }],
    ['no key', { url: 'rtmp://a.example/SECRET' }],
    ['a preset without a key', { preset: 'twitch' }],
    ['a preset that is none', { preset: 'SECRET', key: 'SECRET' }],
    ['a user in the URL', { url: 'rtmp://SECRET@a.example/app', key: 'SECRET' }],
    ['a host with a space', { url: 'rtmp://a b/app', key: 'SECRET' }],
    ['a port that is none', { url: 'rtmp://a.example:70000/app', key: 'SECRET' }],
    ['another option in the key', { url: 'rtmp://a.example/app', key: 'SECRET\nprotocol_whitelist=file' }],
    ['another option in the application', { url: 'rtmp://a.example/app\r\nx=y', key: 'SECRET' }],
    ['a host that no name server knows', { url: `rtmp://${'SECRET.'.repeat(60)}example/app`, key: 'SECRET' }],
    ['an application that is too long', { url: `rtmp://a.example/${'SECRET'.repeat(200)}`, key: 'SECRET' }],
    ['a key that is too long', { url: 'rtmp://a.example/app', key: 'SECRET'.repeat(700) }],
  ])('cannot be %s, and the error does not tell the key', (_, input) => {
    let message = ''
    try {
      readTarget(input)
    } catch (error) {
      message = String(error)
    }
    expect(message).not.toBe('')
    expect(message).not.toContain('SECRET')
  })
})

describe('what must not be repeated of a target', () => {
  it('is its key, what servers call it by, and what stands in queries', () => {
    const secrets = secretsOf(
      readTarget({ url: 'rtmp://a.example/app?auth=app-secret', key: 'live_123?test=true&sig=a%2Bsignature' }),
    )
    expect(secrets).toEqual([
      'live_123?test=true&sig=a%2Bsignature',
      'app?auth=app-secret',
      'a%2Bsignature',
      'a+signature',
      'app-secret',
      'live_123',
    ])
  })
})
