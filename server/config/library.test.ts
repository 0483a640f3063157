import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { checkedConfig, DEFAULTS } from './config.ts'
import { readOptions } from './library.ts'

const SECRET = 'a secret of thirty-two characters'

let directory: string
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'castgate-'))
  writeFileSync(join(directory, 'secret'), `${SECRET}\n`)
})
afterAll(() => rmSync(directory, { recursive: true, force: true }))

function errorOf(options: unknown): { message: string; exitCode: number } {
  try {
    checkedConfig(readOptions(options), true)
  } catch (error) {
    return error as { message: string; exitCode: number }
  }
  throw new Error('These options were taken.')
}

describe('the options of a gateway inside another program', () => {
  it('have the names of the command line in camelCase, and mean the same', () => {
    const options = {
      secretFile: join(directory, 'secret'),
      adminKeyFile: join(directory, 'secret'),
      origin: ['https://site.example', 'https://shop.example'],
      rtmp: 'embedded',
      maxCpu: 80,
      recordKeep: '30d',
      recordKeepSize: '200GB',
      diskFloor: '5GB',
      tlsCert: '/etc/cert.pem',
      tlsKey: '/etc/key.pem',
      targetHosts: '*.twitch.tv, 10.0.0.0/8',
      limitsPerAddress: { sockets: 5 },
    }
    expect(checkedConfig(readOptions(options), true)).toMatchObject({
      secret: SECRET,
      adminKey: SECRET,
      origins: options.origin,
      rtmp: { kind: 'embedded' },
      maxCpuPercent: 80,
      recordKeepSeconds: 30 * 86_400,
      recordKeepBytes: 200e9,
      diskFloorBytes: 5e9,
      tls: { cert: '/etc/cert.pem', key: '/etc/key.pem' },
      targetHosts: ['*.twitch.tv', '10.0.0.0/8'],
      limitsPerAddress: { ...DEFAULTS.limitsPerAddress, sockets: 5 },
    })
  })

  it('may be a whole configuration, and null where there is none by default', () => {
    const { dataDir: _, ...defaults } = checkedConfig(readOptions({ ...DEFAULTS, secret: SECRET, host: '::1' }), true)
    const { dataDir: __, ...expected } = { ...DEFAULTS, secret: SECRET, host: '::1' }
    expect(defaults).toEqual(expected)
    expect(readOptions({ secret: undefined, tls: null })).toEqual({ tls: null })
  })

  it.each([
    [{ orgin: [] }, 'There is no option "orgin". Did you mean "origin"?'],
    [{ secretfile: 'x' }, 'There is no option "secretfile". Did you mean "secretFile"?'],
    [{ constructor: 1 }, 'There is no option "constructor".'],
    [{ ['__proto__']: 1 }, 'There is no option "__proto__".'],
    [{ port: '8080' }, 'The option "port" cannot be used. It is a number.'],
    [{ limitsPerAddress: [] }, 'The option "limitsPerAddress" cannot be used. It is a set of limits.'],
    [{ port: 0.5 }, 'The option "port" cannot be used. A port is'],
    [{ private: 'false' }, 'The option "private" cannot be used. It is true or false.'],
    [{ insecureOpen: 'no' }, 'The option "insecureOpen" cannot be used. It is true or false.'],
    [{ insecureOpen: null }, 'The option "insecureOpen" cannot be used.'],
    [{ origins: [7] }, 'The option "origins" cannot be used. It is a text.'],
    [{ origins: 'site.example' }, 'The option "origins" cannot be used. An origin is'],
    [{ origin: 'https://a.example', origins: [] }, 'The option "origins" says again what "origins" says.'],
    [{ limitsPerAddress: { socket: 1 } }, 'The option "limitsPerAddress" cannot be used. It is a list such as'],
    [{ limitsInAll: { sockets: 'many' } }, 'The option "limitsInAll" cannot be used.'],
    [{ rtmp: 'apache' }, 'The option "rtmp" cannot be used. It is auto, nginx'],
    [{ rtmp: { kind: 'external' } }, 'The option "rtmp" cannot be used.'],
    [{ tls: { cert: 'a' } }, 'The option "tls" cannot be used.'],
    [{ tlsCert: 'a' }, '--tls-cert and --tls-key go together.'],
    [
      { recordKeepSeconds: 30 },
      'The option "recordKeepSeconds" cannot be used. Recordings are kept for at least an hour',
    ],
    [{ recordKeepBytes: 200 }, 'The option "recordKeepBytes" cannot be used. At least 100MB'],
    [{ recordKeep: '30' }, 'The option "recordKeep" cannot be used. Add a unit'],
    [{ webhooks: [{ url: 'https://a.example', secret: ' ' }] }, 'The option "webhooks" cannot be used.'],
    [{ webhooks: [{ url: 'https://a.example', secret: 'x', hmac: 1 }] }, '(hmac)'],
    [{ targets: [{ preset: 'twitch', kye: 'x' }] }, '(kye)'],
    [{ s3: {} }, 'The option "s3" cannot be used.'],
    [{ lan: true }, 'There is no option "lan" here.'],
    [{ secretFile: '/nowhere' }, 'The file "/nowhere" cannot be read.'],
    [{ secret: 'abc' }, 'The secret is too short: it needs 32 bytes'],
    [{ secret: 7 }, 'The option "secret" cannot be used. It is a text.'],
    [{ secret: SECRET, adminKey: '' }, 'The admin key is empty.'],
    ['nothing', 'The options of a gateway are an object.'],
  ])('are refused in words: %j', (options, words) => {
    const error = errorOf(options)
    expect([error.message, error.exitCode]).toEqual([expect.stringContaining(words), 2])
  })

  it.each(['', ' ', '\n'])('are refused where the secret is empty: %j', (secret) => {
    const error = errorOf({ secret })
    expect([error.message, error.exitCode]).toEqual([expect.stringMatching(/^The secret is empty\..*openssl/s), 3])
  })

  it('are not where the secret would be found in an error', () => {
    expect(errorOf({ secret: 'hunter2', port: 1 }).message).not.toContain('hunter2')
    expect(errorOf({ webhooks: [{ url: 'x', secret: 'hunter2' }] }).message).not.toContain('hunter2')
  })
})
