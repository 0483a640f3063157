import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { readChanges, sectionOf, withSection } from './release.mjs'

const CHANGES = {
  'tap.md': 'Fixed\n\nA tap on the player paused it.\n',
  'poster.md': 'Added\n\n`poster` of the player,\nand a view for sound alone.\n',
  'again.md': 'Fixed\n\nIt begins again.\n',
}

describe('a release', () => {
  it('has the changes by their kind, in order', () => {
    expect(sectionOf('0.2.0', '2026-12-01', CHANGES)).toBe(`## 0.2.0 - 2026-12-01

### Added

- \`poster\` of the player,
  and a view for sound alone.

### Fixed

- It begins again.
- A tap on the player paused it.`)
  })

  it('refuses a change of no kind, one that says nothing, and none at all', () => {
    expect(() => sectionOf('0.2.0', 'x', { 'a.md': 'Improved\n\nx' })).toThrow('changes/a.md begins with "Improved"')
    expect(() => sectionOf('0.2.0', 'x', { 'a.md': 'Added\n' })).toThrow('changes/a.md says nothing')
    expect(() => sectionOf('0.2.0', 'x', {})).toThrow('nothing in changes/')
  })

  it('goes before the earlier ones', () => {
    expect(withSection('# Changes\n\nAll.\n\n## 0.1.0\n\nx\n', '## 0.2.0\n\ny')).toBe(
      '# Changes\n\nAll.\n\n## 0.2.0\n\ny\n\n## 0.1.0\n\nx\n',
    )
  })

  it('could be made now: what is in changes/ and CHANGELOG.md can be read', () => {
    const changelog = readFileSync(new URL('../CHANGELOG.md', import.meta.url), 'utf8')
    const changes = readChanges()
    const section = Object.keys(changes).length > 0 ? sectionOf('9.9.9', '2026-01-01', changes) : '## 9.9.9'
    expect(withSection(changelog, section)).toContain('\n\n## 0.1.0 - ')
  })
})
