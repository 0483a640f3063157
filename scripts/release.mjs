// Makes a release of what is in changes/: node scripts/release.mjs VERSION. It changes files, and says what to do with them.
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))

/** The kinds of changes, in the order of Keep a Changelog. */
const KINDS = ['Added', 'Changed', 'Deprecated', 'Removed', 'Fixed', 'Security']

/**
 * The section of a release.
 * @param {string} version
 * @param {string} date such as `2026-11-28`
 * @param {Record<string, string>} changes the texts of the files in changes/, by name
 */
export function sectionOf(version, date, changes) {
  const byKind = new Map(KINDS.map((kind) => [kind, []]))
  for (const [name, text] of Object.entries(changes).sort(([a], [b]) => (a < b ? -1 : 1))) {
    const [kind = '', ...rest] = text.trim().split('\n')
    const words = rest.join('\n').trim()
    if (!byKind.has(kind))
      throw new Error(`changes/${name} begins with "${kind}", which is none of ${KINDS.join(', ')}.`)
    if (words === '') throw new Error(`changes/${name} says nothing.`)
    byKind.get(kind)?.push(`- ${words.replaceAll('\n', '\n  ')}`)
  }
  const parts = [...byKind].filter(([, items]) => items.length > 0)
  if (parts.length === 0) throw new Error('There is nothing in changes/ to release.')
  return [`## ${version} - ${date}`, ...parts.map(([kind, items]) => `### ${kind}\n\n${items.join('\n')}`)].join('\n\n')
}

/**
 * The changelog with the section of a release before those of the earlier ones.
 * @param {string} changelog
 * @param {string} section
 */
export function withSection(changelog, section) {
  const first = changelog.indexOf('\n## ')
  if (first === -1) throw new Error('CHANGELOG.md has no section of a release.')
  return `${changelog.slice(0, first + 1)}${section}\n\n${changelog.slice(first + 1)}`
}

/** @returns {Record<string, string>} */
export function readChanges(directory = join(root, 'changes')) {
  const names = readdirSync(directory).filter((name) => name.endsWith('.md') && name !== 'README.md')
  return Object.fromEntries(names.map((name) => [name, readFileSync(join(directory, name), 'utf8')]))
}

function release(version) {
  const changes = readChanges()
  const changelog = join(root, 'CHANGELOG.md')
  const date = new Date().toISOString().slice(0, 10)
  writeFileSync(changelog, withSection(readFileSync(changelog, 'utf8'), sectionOf(version, date, changes)))
  for (const file of ['package.json', 'package-lock.json']) {
    const path = join(root, file)
    const content = JSON.parse(readFileSync(path, 'utf8'))
    content.version = version
    if (content.packages?.['']) content.packages[''].version = version
    writeFileSync(path, `${JSON.stringify(content, null, 2)}\n`)
  }
  for (const name of Object.keys(changes)) rmSync(join(root, 'changes', name))
  console.log(`CHANGELOG.md has ${version}. Read it, run npm test, and then:
  git commit -am "Release ${version}" && git tag -a v${version} -m "Castgate ${version}"
  git push --follow-tags && npm publish`)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [version = ''] = process.argv.slice(2)
  if (!/^\d+\.\d+\.\d+$/.test(version)) {
    console.error('usage: node scripts/release.mjs VERSION, such as 0.2.0')
    process.exit(2)
  }
  release(version)
}
