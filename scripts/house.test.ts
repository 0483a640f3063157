import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { circles, floors, packagesOf, reachable, readRooms } from './rooms.mjs'

const ROOT = fileURLToPath(new URL('..', import.meta.url))

const FORBIDDEN = [
  ['shared', '../server/app.ts'],
  ['shared', '../client/broadcaster.ts'],
  ['shared', 'node:fs'],
  ['client', '../server/app.ts'],
  ['client/pages', '../../server/app.ts'],
  ['client/pages', 'node:fs'],
  ['server', '../client/broadcaster.ts'],
  ['server/api', 'node:child_process'],
  ['server', 'fluent-ffmpeg'],
] as const

const ALLOWED = [
  ['client', '../shared/limits.ts'],
  ['server/ffmpeg', 'fluent-ffmpeg'],
] as const

/** What the linter finds in a tree of small files, by file: the rules are in biome.json, and this shows that they hold. */
let found: Map<string, string[]>
let directory: string

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'castgate-'))
  const settings = JSON.parse(readFileSync(join(ROOT, 'biome.json'), 'utf8')) as Record<string, unknown>
  const alone = { ...settings, vcs: { enabled: false }, $schema: undefined }
  write('biome.json', JSON.stringify(alone))
  for (const [folder, from] of [...FORBIDDEN, ...ALLOWED])
    write(fileFor(folder, from), `import { x } from '${from}'\nexport const y = x\n`)
  for (const file of ['server/api/home.ts', 'server/config/environment.ts'])
    write(file, 'export const home = process.env.HOME\n')
  const { stdout } = spawnSync(
    join(ROOT, 'node_modules/.bin/biome'),
    ['lint', '--reporter=json', '--max-diagnostics=none', '.'],
    {
      cwd: directory,
      encoding: 'utf8',
    },
  )
  const report = JSON.parse(stdout) as {
    diagnostics: { category: string; location: { path: string | { file: string } } }[]
  }
  found = new Map()
  for (const { category, location } of report.diagnostics) {
    const path = typeof location.path === 'string' ? location.path : location.path.file
    found.set(path, [...(found.get(path) ?? []), category])
  }
})
afterAll(() => rmSync(directory, { recursive: true }))

function write(file: string, text: string): void {
  mkdirSync(dirname(join(directory, file)), { recursive: true })
  writeFileSync(join(directory, file), text)
}

function fileFor(folder: string, from: string): string {
  // The one file that may import fluent-ffmpeg is known by its name.
  return `${folder}/${from === 'fluent-ffmpeg' && folder === 'server/ffmpeg' ? 'run' : from.replace(/\W+/g, '-')}.ts`
}

describe('who may know whom', () => {
  it.each(FORBIDDEN)('%s may not import %s', (folder, from) => {
    expect(found.get(fileFor(folder, from))).toContain('lint/style/noRestrictedImports')
  })

  it.each(ALLOWED)('%s may import %s', (folder, from) => {
    expect(found.get(fileFor(folder, from)) ?? []).not.toContain('lint/style/noRestrictedImports')
  })

  it('reads the environment in server/config/environment.ts alone', () => {
    expect(found.get('server/api/home.ts')).toContain('lint/style/noProcessEnv')
    expect(found.get('server/config/environment.ts') ?? []).not.toContain('lint/style/noProcessEnv')
  })
})

/** Rooms that know nothing of others, neither by themselves nor through what they use. */
const STRANGERS: [folder: string, room: string, others: string[]][] = [
  // Sources and outputs meet on the bus alone, and the bus knows none of them.
  ['server', 'ingest/', ['playback/', 'targets/', 'archive/', 'api/']],
  ['server', 'playback/', ['ingest/', 'targets/', 'archive/', 'api/']],
  ['server', 'targets/', ['ingest/', 'playback/', 'archive/', 'api/', 'http/']],
  ['server', 'archive/', ['ingest/', 'playback/', 'targets/', 'api/', 'http/']],
  ['server', 'broadcast/', ['access/', 'ingest/', 'playback/', 'targets/', 'archive/', 'api/', 'http/', 'ffmpeg/']],
  // Wire formats know no broadcasts.
  ['server', 'flv/', ['broadcast/', 'ffmpeg/', 'access/']],
  ['server', 'rtmp/', ['broadcast/', 'ffmpeg/', 'access/', 'containers/']],
  ['server', 'fmp4/', ['broadcast/', 'ffmpeg/', 'access/']],
  ['server', 'containers/', ['broadcast/', 'access/', 'http/']],
  // Requests and tokens, and nothing of what they guard.
  ['server', 'access/', ['broadcast/', 'ingest/', 'playback/', 'targets/', 'api/', 'http/', 'rtmp/']],
  ['server', 'ffmpeg/', ['broadcast/', 'access/', 'ingest/', 'http/', 'api/']],
  ['client', 'capture/', ['record/', 'uplink/', 'scene/', 'elements/', 'publisher/']],
  ['client', 'record/', ['capture/', 'uplink/', 'scene/', 'elements/', 'publisher/']],
  ['client', 'uplink/', ['capture/', 'record/', 'scene/', 'elements/', 'publisher/']],
  ['client', 'player/', ['broadcaster.ts', 'capture/', 'publisher/']],
]

describe('the rooms of the house', () => {
  it.each(['server', 'client'])('of %s/ stand on those below them: none uses another in a circle', (folder) => {
    const rooms = readRooms(folder)
    expect(rooms.size).toBeGreaterThan(10)
    expect(circles(rooms)).toEqual([])
    expect(floors(rooms).flat()).toHaveLength(rooms.size)
  })

  it.each(STRANGERS)('%s/%s knows nothing of %j', (folder, room, others) => {
    const rooms = readRooms(folder)
    for (const other of others) expect(rooms.has(other)).toBe(true)
    expect(others.filter((other) => reachable(rooms, room).has(other))).toEqual([])
  })

  it.each([
    ['flv/', /^(fastify|ws)$/],
    ['broadcast/', /^(fastify|ws)$/],
    ['containers/', /^(fastify|ws)$/],
    ['ffmpeg/', /^(fastify|ws)$/],
  ])('server/%s imports no package like %s', (room, forbidden) => {
    expect([...packagesOf('server', room)].filter((name) => forbidden.test(name))).toEqual([])
    expect(packagesOf('server', 'ingest/')).toContain('ws')
  })

  it('shows a circle where there is one', () => {
    const rooms = new Map([
      ['a/', new Set(['b/'])],
      ['b/', new Set(['c/'])],
      ['c/', new Set(['b/', 'd/'])],
      ['d/', new Set<string>()],
    ])
    expect(circles(rooms)).toEqual([['b/', 'c/']])
    expect(floors(rooms)).toEqual([['d/']])
  })
})

it('keeps tables that are asked with a name from outside in maps: an object has "constructor", too', () => {
  const files = ['shared', 'server', 'client'].flatMap((room) =>
    readdirSync(join(ROOT, room), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
      .map((file) => join(ROOT, room, file)),
  )
  expect(files.length).toBeGreaterThan(100)
  const tables = files.filter((file) =>
    /: (Readonly<)?Record<string, [^=]*= \{\s*['\w]/.test(readFileSync(file, 'utf8')),
  )
  expect(tables).toEqual([])
})
