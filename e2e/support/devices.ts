import type { Page } from 'playwright'

/** A script for a page: keeps what is captured where {@link unplug} finds it. */
export function keepTracks(): void {
  const { mediaDevices } = navigator
  if (!mediaDevices) return
  const captured: MediaStreamTrack[] = []
  for (const name of ['getUserMedia', 'getDisplayMedia'] as const) {
    const open = mediaDevices[name].bind(mediaDevices)
    mediaDevices[name] = async (options?: MediaStreamConstraints & DisplayMediaStreamOptions) => {
      const stream = await open(options)
      captured.push(...stream.getTracks())
      return stream
    }
  }
  Object.assign(globalThis, { captured })
}

/** What a device that is pulled out does to its tracks: the browser's fake ones cannot be. */
export function unplug(page: Page, kind: 'audio' | 'video'): Promise<void> {
  return page.evaluate((which) => {
    const { captured } = globalThis as unknown as { captured: MediaStreamTrack[] }
    for (const track of captured.filter((each) => each.kind === which && each.readyState === 'live')) {
      track.stop()
      track.dispatchEvent(new Event('ended'))
    }
  }, kind)
}

/** What the system does to a device that it holds back, as during a call, or gives back. */
export function hold(page: Page, kind: 'audio' | 'video', event: 'mute' | 'unmute'): Promise<void> {
  return page.evaluate(
    ([which, type]) => {
      const { captured } = globalThis as unknown as { captured: MediaStreamTrack[] }
      for (const track of captured.filter((each) => each.kind === which)) track.dispatchEvent(new Event(type))
    },
    [kind, event] as const,
  )
}

/** The kinds of the tracks that are captured now. */
export function captures(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const { captured } = globalThis as unknown as { captured: MediaStreamTrack[] }
    return captured.filter(({ readyState }) => readyState === 'live').map(({ kind }) => kind)
  })
}
