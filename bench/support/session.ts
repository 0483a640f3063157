import type { Page } from 'playwright'

/** When the page began to record, as `Date.now()`: what it keeps for going on after a reload. */
export async function sessionBegan(page: Page): Promise<number> {
  const kept = await page.waitForFunction(() => sessionStorage.getItem('castgate.broadcast'))
  const { resumption } = JSON.parse((await kept.jsonValue()) ?? '{}') as { resumption: { began: number } }
  return resumption.began
}
