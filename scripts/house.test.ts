import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const ROOT = fileURLToPath(new URL('..', import.meta.url))

const FORBIDDEN = [
  ['shared', '../server/app.ts'],
  ['shared', '../client/broadcaster.ts'],
  ['shared', 'node:fs'],
  ['client', '../server/app.ts'],
  ['client/pages', '../../server/app.ts'],
  ['client/pages', 'node:fs'],
  ['client/capture', '../record/format.ts'],
  ['client/capture', '../uplink/uplink.ts'],
  ['client/record', '../capture/camera.ts'],
  ['client/uplink', '../record/recorder.ts'],
  ['server', '../client/broadcaster.ts'],
  ['server/api', 'node:child_process'],
  ['server', 'fluent-ffmpeg'],
  ['server/ingest', '../outputs/hls.ts'],
  ['server/outputs', '../ingest/session.ts'],
  ['server/broadcast', '../ingest/session.ts'],
  ['server/broadcast', 'ws'],
  ['server/flv', '../outputs/rtmp.ts'],
  ['server/ffmpeg', '../broadcast/broadcast.ts'],
  ['server/ffmpeg', 'fastify'],
  ['server/ffmpeg', 'ws'],
  ['server/access', '../ingest/session.ts'],
  ['server/broadcast', '../access/access.ts'],
  ['client/uplink', '../publisher/publisher.ts'],
] as const

const ALLOWED = [
  ['client', '../shared/limits.ts'],
  ['client/pages', '../capture/camera.ts'],
  ['server/ingest', '../broadcast/broadcast.ts'],
  ['server/outputs', '../broadcast/broadcast.ts'],
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
