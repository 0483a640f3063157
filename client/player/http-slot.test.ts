import { afterEach, describe, expect, it, vi } from 'vitest'
import { takeHttpSlot } from './http-slot.ts'

afterEach(() => vi.unstubAllGlobals())

describe('connections that are held, in a page without Web Locks', () => {
  it('are three to a server, and free again once they are given back', async () => {
    vi.stubGlobal('navigator', {})
    const holders = [1, 2, 3, 4].map(() => new AbortController())
    const took = []
    for (const { signal } of holders) took.push(await takeHttpSlot('https://gateway.example', signal))
    expect(took).toEqual([true, true, true, false])
    const late = new AbortController()
    expect(await takeHttpSlot('https://other.example', late.signal)).toBe(true)
    holders[1]?.abort()
    await vi.waitFor(async () => expect(await takeHttpSlot('https://gateway.example', late.signal)).toBe(true))
    for (const holder of [...holders, late]) holder.abort()
  })
})
