import { afterEach, describe, expect, it, vi } from 'vitest'
import { type Interrupted, interruptedOf, mayGoOn } from './interrupted.ts'

const NOW = 1_000_000
const KEPT: Interrupted = {
  stream: 'talk',
  resumption: { session: 's', began: 1 },
  kind: 'camera',
  choice: { camera: '', microphone: '', music: false },
  qualityId: '720p',
  muted: { microphone: false, screen: false, file: false },
  seenAt: NOW - 1_000,
}

/** A page that was opened in this way, and what its browser allows. */
function page(type: string, allowed: Record<string, string>): void {
  vi.spyOn(performance, 'getEntriesByType').mockReturnValue([{ type } as unknown as PerformanceEntry])
  const query = async ({ name }: { name: string }) => {
    if (!(name in allowed)) throw new TypeError('unknown')
    return { state: allowed[name] }
  }
  vi.stubGlobal('navigator', { permissions: { query } })
}

afterEach(() => {
  vi.restoreAllMocks()
  vi.unstubAllGlobals()
})

const BOTH = { camera: 'granted', microphone: 'granted' }

describe('a broadcast that a reload interrupted', () => {
  it('goes on by itself where all that was on is allowed', async () => {
    page('reload', BOTH)
    expect(await mayGoOn(KEPT, NOW)).toBe(true)
    page('reload', { microphone: 'granted' })
    expect(await mayGoOn(KEPT, NOW)).toBe(false)
    expect(await mayGoOn({ ...KEPT, choice: { ...KEPT.choice, camera: 'none' } }, NOW)).toBe(true)
    page('reload', { camera: 'granted', microphone: 'prompt' })
    expect(await mayGoOn(KEPT, NOW)).toBe(false)
  })

  it.each(['navigate', 'back_forward', 'prerender'])('waits for a press after %s', async (type) => {
    page(type, BOTH)
    expect(await mayGoOn(KEPT, NOW)).toBe(false)
  })

  it('waits for a press where the page was away for long', async () => {
    page('reload', BOTH)
    expect(await mayGoOn({ ...KEPT, seenAt: NOW - 16_000 }, NOW)).toBe(false)
  })

  it('goes on with a card in the place of a screen or a file, which need no permission yet', async () => {
    page('reload', {})
    for (const kind of ['screen', 'file'] as const) expect(await mayGoOn({ ...KEPT, kind }, NOW)).toBe(true)
  })

  it('is read as it was kept, and what was not known to be heard is muted', () => {
    expect(interruptedOf(JSON.parse(JSON.stringify(KEPT)))).toEqual(KEPT)
    const { muted } = interruptedOf({ ...KEPT, muted: { microphone: false } }) ?? {}
    expect(muted).toEqual({ microphone: false, screen: true, file: true })
  })

  it.each([
    null,
    'talk',
    {},
    { stream: 'talk', resumption: KEPT.resumption },
    { ...KEPT, kind: 'stream' },
    { ...KEPT, resumption: { session: 1, began: 1 } },
    { ...KEPT, choice: { camera: '' } },
    { ...KEPT, seenAt: 'now' },
  ])('is not read of something else: %j', (kept) => {
    expect(interruptedOf(kept)).toBeNull()
  })
})
