import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import type { GatewayError } from '../../shared/errors.ts'
import { Access, type Grant } from '../access/access.ts'
import { Directory } from '../broadcast/directory.ts'
import { holdToGrant } from './grant.ts'

const HOUR_MS = 3_600_000

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

/** A broadcast that is held to a grant with these limits, and why it was stopped. */
function held(
  limits: Partial<Grant>,
  access = new Access({ secret: null, tokenKeys: null, adminKey: null, isPrivate: false }),
) {
  const broadcast = new Directory().claim('cam', 'recorder')
  const grant = { tokenId: 'token', expiresAt: null, maxSeconds: null, maxBitrate: null, record: false, ...limits }
  const reasons: string[] = []
  const release = holdToGrant(broadcast, grant, access, async ({ message }: GatewayError) => void reasons.push(message))
  return { broadcast, reasons, release, access }
}

it.each([-HOUR_MS, HOUR_MS])('a clock that is set by %i ms ends nothing that the token allows', (step) => {
  const { broadcast, reasons, release } = held({ maxSeconds: 60, maxBitrate: 1_000_000 })
  for (let second = 0; second < 50; second++) {
    broadcast.countIn(125_000)
    if (second === 20) vi.setSystemTime(Date.now() + step)
    vi.advanceTimersByTime(1000)
  }
  expect(reasons).toEqual([])
  vi.advanceTimersByTime(12_000)
  expect(reasons).toEqual(['The token allows broadcasts of 60 s, and this one is longer.'])
  release()
})

it('broadcasts of one token, one after the other, may send no more than one', () => {
  const first = held({ maxBitrate: 1_000_000 })
  first.broadcast.countIn(1_600_000)
  vi.advanceTimersByTime(500)
  first.release()
  expect(first.reasons).toEqual([])
  const second = held({ maxBitrate: 1_000_000 }, first.access)
  second.broadcast.countIn(1_600_000)
  vi.advanceTimersByTime(1000)
  expect(second.reasons).toEqual(['The token allows 1000000 bits a second, and more came.'])
  // Another one is not held to what this one sent.
  const other = held({ maxBitrate: 1_000_000, tokenId: 'other' }, first.access)
  other.broadcast.countIn(1_000_000)
  vi.advanceTimersByTime(1000)
  expect(other.reasons).toEqual([])
  other.release()
})
