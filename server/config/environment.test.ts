import { readFileSync } from 'node:fs'
import { Command } from 'commander'
import { afterEach, describe, expect, it } from 'vitest'
import { addInstallOption, addServerOptions, configFrom, requireOwnVariables } from './command-line.ts'
import { variableOf } from './environment.ts'

const before = { ...process.env }
afterEach(() => {
  for (const name of Object.keys(process.env)) if (!(name in before)) delete process.env[name]
})

function read(environment: Record<string, string>, ...args: string[]) {
  Object.assign(process.env, environment)
  const command = addInstallOption(addServerOptions(new Command('serve'))).exitOverride()
  command.configureOutput({ writeErr: () => {} })
  command.parse(args, { from: 'user' })
  return configFrom(command)
}

const FLAGS = { PRIVATE: 'private', RECORD: 'record', PUBLISHER_TARGETS: 'publisherTargets' } as const
const SECRET = { CASTGATE_SECRET: 'a secret of thirty-two characters' }

describe('a variable that stands for a flag', () => {
  it.each(Object.entries(FLAGS))('is a yes or a no in any case: CASTGATE_%s', (name, field) => {
    for (const yes of ['1', 'true', 'True', 'YES', 'on', ' on ']) {
      expect([yes, read({ ...SECRET, [`CASTGATE_${name}`]: yes }).gateway[field]]).toEqual([yes, true])
    }
    for (const no of ['0', 'false', 'False', 'FALSE', 'no', 'No', 'off', 'OFF', '']) {
      expect([no, read({ ...SECRET, [`CASTGATE_${name}`]: no }).gateway[field]]).toEqual([no, false])
    }
  })

  it.each(['PRIVATE', 'RECORD', 'PUBLISHER_TARGETS', 'INSECURE_OPEN', 'LAN', 'NO_INSTALL'])(
    'is nothing else: CASTGATE_%s',
    (name) => {
      for (const text of ['maybe', '2', 'nein', 'disabled', 'null', '-']) {
        expect(() => read({ ...SECRET, [`CASTGATE_${name}`]: text })).toThrow(
          `CASTGATE_${name} cannot be "${text}". It is 1, true, yes or on; or 0, false, no or off.`,
        )
      }
    },
  )

  it.each(['0', 'False', 'off', 'NO', ''])('does not open a gateway with %j', (text) => {
    expect(() => read({ CASTGATE_INSECURE_OPEN: text }, '--host', '0.0.0.0')).toThrow(/without a secret/)
  })
})

describe('a variable that is none of ours', () => {
  it.each([
    ['CASTGATE_PRIVTE', 'CASTGATE_PRIVATE'],
    ['CASTGATE_SECRT', 'CASTGATE_SECRET'],
    ['CASTGATE_RECORD_KEPT', 'CASTGATE_RECORD_KEEP'],
    ['CASTGATE_HTTP_PORT', 'CASTGATE_RTMP_PORT'],
    ['CASTGATE_ORIGINS', 'CASTGATE_ORIGIN'],
  ])('is refused, and the nearest is named: %s', (wrong, right) => {
    expect(() => read({ [wrong]: '1' })).toThrow(`There is no variable ${wrong}. Did you mean ${right}?`)
    expect(() => requireOwnVariables()).toThrow(wrong)
  })

  it.each(['CASTGATE_TTL', 'CASTGATE_MAX_BITRATE', 'CASTGATE_PLAY'])(
    'may be that of no flag of castgate token: %s',
    (name) => {
      expect(() => read({ [name]: '1' })).toThrow(`There is no variable ${name}.`)
    },
  )

  it('may be one that has a key, where a configuration file names it', () => {
    process.env.CASTGATE_MY_KEY = 'x'
    expect(() => requireOwnVariables()).toThrow('CASTGATE_MY_KEY')
    expect(() => requireOwnVariables(['CASTGATE_MY_KEY'])).not.toThrow()
  })
})

describe('what deletes recordings', () => {
  it.each([
    ['RECORD_KEEP', '30', 'Add a unit'],
    ['RECORD_KEEP', '59m', 'at least an hour'],
    ['RECORD_KEEP', '3599s', 'at least an hour'],
    ['RECORD_KEEP_SIZE', '200', 'Add a unit'],
    ['RECORD_KEEP_SIZE', '99MB', 'At least 100MB'],
    ['RECORD_KEEP_SIZE', '0', 'At least 100MB'],
    ['DISK_FLOOR', '5', 'Add a unit'],
  ])('needs a unit, and spares some: CASTGATE_%s=%s', (name, text, words) => {
    expect(() => read({ [`CASTGATE_${name}`]: text })).toThrow(words)
  })

  it('is read in its unit', () => {
    const { gateway } = read({
      CASTGATE_RECORD_KEEP: '1h',
      CASTGATE_RECORD_KEEP_SIZE: '0.1 gb',
      CASTGATE_DISK_FLOOR: '0',
    })
    expect(gateway).toMatchObject({ recordKeepSeconds: 3600, recordKeepBytes: 100e6, diskFloorBytes: 0 })
  })
})

it('has each option and its variable in docs/options.md', () => {
  const table = readFileSync(new URL('../../docs/options.md', import.meta.url), 'utf8')
  const command = addInstallOption(addServerOptions(new Command('serve')))
  for (const option of command.options) {
    expect(table).toContain(`\`${option.long}\``)
    expect(table).toContain(`\`${variableOf(option)}`)
  }
})
