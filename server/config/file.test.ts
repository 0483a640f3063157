import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command } from 'commander'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { addInstallOption, addServerOptions, configFrom, type ProgramConfig } from './command-line.ts'

let directory: string
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'castgate-'))
  writeFileSync(join(directory, 'youtube.key'), 'key-of-youtube-with-32-characters\n')
  process.env.TEST_KEY_OF_TWITCH = 'key-of-twitch'
})
afterAll(() => {
  rmSync(directory, { recursive: true, force: true })
  delete process.env.TEST_KEY_OF_TWITCH
})

/** The configuration that the file `text` gives, with what stands on the command line besides. */
function read(text: string, ...args: string[]): ProgramConfig {
  const file = join(directory, 'castgate.yaml')
  writeFileSync(file, text)
  let config: ProgramConfig | null = null
  const command = addInstallOption(addServerOptions(new Command('serve'))).exitOverride()
  command.action((_, given: Command) => {
    config = configFrom(given)
  })
  command.parse(['--config', file, ...args], { from: 'user' })
  if (config === null) throw new Error('The command did not run.')
  return config
}

function errorOf(text: string): string {
  try {
    read(text)
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
  return ''
}

describe('a configuration file', () => {
  it('has the options of the command line under their names', () => {
    const { gateway, logLevel, lan, install } = read(`
port: 9000
public-url: https://live.example.org
rtmp: embedded
origin:
  - https://site.example
  - https://shop.example
limits-per-address: { sockets: 5 }
private: true
secret-file: ${join(directory, 'youtube.key')}
target-hosts: ['*.twitch.tv', 10.0.0.0/8]
log-level: warn
no-install: true
`)
    expect(gateway).toMatchObject({
      port: 9000,
      publicUrl: 'https://live.example.org',
      rtmp: { kind: 'embedded' },
      origins: ['https://site.example', 'https://shop.example'],
      limitsPerAddress: { sockets: 5, broadcasts: 20 },
      private: true,
      secret: 'key-of-youtube-with-32-characters',
      targetHosts: ['*.twitch.tv', '10.0.0.0/8'],
      hlsPort: 8088,
    })
    expect({ logLevel, lan, install }).toEqual({ logLevel: 'warn', lan: false, install: false })
  })

  it('gives way to flags and the environment', () => {
    process.env.CASTGATE_HLS_PORT = '9002'
    process.env.CASTGATE_PUBLISHER_TARGETS = '0'
    try {
      const { gateway } = read('port: 9000\nhls-port: 9001\npublisher-targets: true', '--port', '9100')
      expect(gateway).toMatchObject({ port: 9100, hlsPort: 9002, publisherTargets: false })
    } finally {
      delete process.env.CASTGATE_HLS_PORT
      delete process.env.CASTGATE_PUBLISHER_TARGETS
    }
  })

  it('has targets, with their keys from the environment and from files', () => {
    const { gateway } = read(`
targets:
  - preset: twitch
    key-env: TEST_KEY_OF_TWITCH
  - name: Archive
    url: rtmp://archive.example/live
    key-file: ${join(directory, 'youtube.key')}
    streams: show-*
`)
    expect(gateway.targets).toEqual([
      { preset: 'twitch', key: 'key-of-twitch', streams: '*' },
      {
        name: 'Archive',
        url: 'rtmp://archive.example/live',
        key: 'key-of-youtube-with-32-characters',
        streams: 'show-*',
      },
    ])
  })

  it('forbids all hosts with an empty list of them', () => {
    expect(read('target-hosts: []').gateway.targetHosts).toEqual([])
  })

  it('gives way to a secret in the environment, which gives way to a flag', () => {
    const file = join(directory, 'youtube.key')
    process.env.CASTGATE_SECRET = 'from-the-environment-32-characters'
    try {
      expect(read(`secret-file: ${file}`).gateway.secret).toBe('from-the-environment-32-characters')
      expect(read('port: 1', '--secret-file', file).gateway.secret).toBe('key-of-youtube-with-32-characters')
    } finally {
      delete process.env.CASTGATE_SECRET
    }
  })

  it('may be empty', () => {
    expect(read('# nothing yet\n').gateway.port).toBe(8080)
  })

  it.each([
    [
      'an option that is none',
      '\nrtmp-prot: 1',
      'castgate.yaml:2: there is no option "rtmp-prot". Did you mean "rtmp-port"?',
    ],
    ['a value that is none', 'host: ::1\nport: http', 'castgate.yaml:2: "port" cannot be "http". A port is a number'],
    ['a flag with a value', 'private: maybe', 'castgate.yaml:1: "private" must be true or false.'],
    ['a choice that is none', 'log-level: loud', 'castgate.yaml:1: "log-level" cannot be "loud".'],
    ['a list for one value', 'port: [1, 2]', 'castgate.yaml:1: "port" takes one value.'],
    ['a secret', 'port: 1\nsecret: abc', 'castgate.yaml:2: "secret" does not belong into a file'],
    ['the same twice', 'port: 1\nport: 2', 'castgate.yaml:2: Map keys must be unique.'],
    ['no YAML', 'port: [1', 'castgate.yaml:1: '],
    ['an alias that leads nowhere', 'host: *nowhere', 'castgate.yaml:1: '],
    ['a name that objects have anyway', 'constructor: x', 'castgate.yaml:1: there is no option "constructor".'],
    ['a list of nothing', 'port: []', 'castgate.yaml:1: "port"'],
    ['no list of options', '- port', 'castgate.yaml:1: the file must be a list of "name: value".'],
    [
      'a preset that is none',
      'targets:\n  - preset: twitch\n    key-env: TEST_KEY_OF_TWITCH\n  - preset: twich',
      'castgate.yaml:4: "preset" is one of twitch, youtube, facebook.',
    ],
    ['a key in the file', 'targets:\n  - preset: twitch\n    key: abc', 'castgate.yaml:3: there is no "key" here.'],
    [
      'a variable that is not set',
      'targets:\n\n  - preset: twitch\n    key-env: NO_SUCH_KEY',
      'castgate.yaml:3: the variable NO_SUCH_KEY is not set.',
    ],
    ['a target without a key', 'targets:\n  - preset: twitch', 'castgate.yaml:2: The stream key is missing'],
    [
      'a file that is not there',
      'targets:\n  - preset: twitch\n    key-file: /nowhere/key',
      'castgate.yaml:2: The file "/nowhere/key" cannot be read.',
    ],
    [
      'a target that is not allowed',
      'targets:\n  - preset: twitch\n    key-env: TEST_KEY_OF_TWITCH\n  - url: rtmp://10.0.0.5/live/key',
      'castgate.yaml:4: Broadcasts may not be sent to 10.0.0.5.',
    ],
    ['targets that are none', 'targets: twitch', 'castgate.yaml:1: "targets" must be array.'],
  ])('is refused with the line of %s', (_, text, message) => {
    expect(errorOf(text)).toContain(message)
  })
})
