import { describe, expect, it } from 'vitest'
import { SignedLinks } from './signed-links.ts'

const PATH = '/recordings/a.mp4'
const links = new SignedLinks()
const queryOf = (path: string, now?: number) => Object.fromEntries(new URLSearchParams(links.queryFor(path, now)))

describe('a signed link', () => {
  it('is good for what it was made for', () => {
    expect(links.allows(PATH, queryOf(PATH))).toBe(true)
  })

  it.each([
    ['another path', queryOf('/recordings/b.mp4')],
    ['a time that is over', queryOf(PATH, Date.now() - 8 * 3600 * 1000)],
    ['a later end', { ...queryOf(PATH), expires: String(Math.floor(Date.now() / 1000) + 999_999) }],
    ['another signature', { ...queryOf(PATH), signature: 'x' }],
    ['no signature', { expires: queryOf(PATH).expires }],
    ['two signatures', { ...queryOf(PATH), signature: [queryOf(PATH).signature, 'x'] }],
    ['no time', { ...queryOf(PATH), expires: 'Infinity' }],
    ['nothing', {}],
  ])('is not good with %s', (_, query) => {
    expect(links.allows(PATH, query)).toBe(false)
  })

  it('is not good for another gateway', () => {
    expect(new SignedLinks().allows(PATH, queryOf(PATH))).toBe(false)
  })
})
