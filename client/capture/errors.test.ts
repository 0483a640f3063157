import { describe, expect, it } from 'vitest'
import { CaptureError, captureErrorOf } from './errors.ts'

const named = (name: string) => new DOMException('words of the browser', name)

describe('captureErrorOf', () => {
  it.each([
    ['NotAllowedError', 'camera', 'permission_denied', /Allow it/],
    ['NotAllowedError', 'screen', 'cancelled', /choose what to share/],
    ['NotFoundError', 'camera', 'no_device', /No camera was found/],
    ['OverconstrainedError', 'camera', 'no_device', /Connect one/],
    ['NotReadableError', 'camera', 'device_in_use', /Another program may be using it/],
    ['AbortError', 'screen', 'device_in_use', /does not start/],
    ['TypeError', 'camera', 'not_possible', /words of the browser/],
  ] as const)('says what %s of a %s means, and what to do', (name, what, code, words) => {
    const error = captureErrorOf(named(name), what)
    expect(error).toBeInstanceOf(CaptureError)
    expect([error.code, error.message]).toEqual([code, expect.stringMatching(words)])
  })

  it('keeps an error that is one already', () => {
    const error = new CaptureError('insecure_origin', 'Words.')
    expect(captureErrorOf(error, 'camera')).toBe(error)
  })
})
