import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { closeCodeOf, ERRORS, type ErrorCode, retryOf } from './errors.ts'

/** The rows of the table in docs/errors.md, as code, status, close code and whether to try again. */
const documented = [
  ...readFileSync(new URL('../docs/errors.md', import.meta.url), 'utf8').matchAll(
    /^\| `(\w+)` \| (\d+) \| (\d+) \| ([a-z ]+) \|/gm,
  ),
].map(([, code, status, close, retry]) => [code, Number(status), Number(close), retry])

describe('the errors', () => {
  it('are those of docs/errors.md', () => {
    const table = Object.entries(ERRORS).map(([code, { status, retry }]) => [
      code,
      status,
      closeCodeOf(code as ErrorCode),
      retry.replaceAll('-', ' '),
    ])
    expect(documented).toEqual(table)
  })

  it('have close codes for private use (RFC 6455, section 7.4.2)', () => {
    for (const code of Object.keys(ERRORS)) {
      const close = closeCodeOf(code as ErrorCode)
      expect(close >= 4000 && close <= 4999).toBe(true)
    }
  })

  it('are not tried again where their code is not known', () => {
    expect(['unavailable', 'no_capacity', 'constructor', ''].map(retryOf)).toEqual(['soon', 'later', 'never', 'never'])
  })
})
