import type { BrowserContext, Page } from 'playwright'

/** What elements hold of a page and a machine, by its kind: a number for each, which is 0 where nothing is held. */
export type Holdings = Record<
  'tracks' | 'contexts' | 'sockets' | 'wakeLocks' | 'listeners' | 'timers' | 'urls' | 'requests',
  number
>

/** Makes the pages of `context` count what is acquired and not released; see {@link holdings}. */
export async function countHoldings(context: BrowserContext): Promise<void> {
  await context.addInitScript(() => {
    const tracks = new Set<MediaStreamTrack>()
    const contexts = new Set<AudioContext>()
    const sockets = new Set<WebSocket>()
    const wakeLocks = new Set<{ released: boolean }>()
    const listeners = new Map<EventTarget, Set<string>>()
    const timers = new Set<number>()
    const urls = new Set<string>()
    let requests = 0

    const { mediaDevices } = navigator
    const capture = mediaDevices?.getUserMedia.bind(mediaDevices)
    if (mediaDevices) {
      mediaDevices.getUserMedia = async (wanted) => {
        const stream = await capture(wanted)
        for (const track of stream.getTracks()) tracks.add(track)
        return stream
      }
    }
    window.AudioContext = class extends AudioContext {
      constructor(options?: AudioContextOptions) {
        super(options)
        contexts.add(this)
      }
    }
    window.WebSocket = class extends WebSocket {
      constructor(url: string | URL, protocols?: string | string[]) {
        super(url, protocols)
        sockets.add(this)
      }
    }
    // A browser without a screen has no such lock to give.
    Object.defineProperty(navigator, 'wakeLock', {
      value: {
        async request() {
          const lock = {
            released: false,
            async release() {
              lock.released = true
            },
          }
          wakeLocks.add(lock)
          return lock
        },
      },
    })

    const ids = new WeakMap<object, number>()
    let count = 0
    const keyOf = (type: string, listener: object, capture: boolean) => {
      if (!ids.has(listener)) ids.set(listener, count++)
      return `${type} ${ids.get(listener)} ${capture}`
    }
    const isCapture = (options?: boolean | EventListenerOptions) =>
      typeof options === 'boolean' ? options : (options?.capture ?? false)
    const shared: EventTarget[] = [document, window, ...(mediaDevices ? [mediaDevices] : [])]
    for (const target of shared) {
      const held = new Set<string>()
      listeners.set(target, held)
      const add = target.addEventListener.bind(target)
      const remove = target.removeEventListener.bind(target)
      target.addEventListener = (
        type: string,
        listener: EventListenerOrEventListenerObject | null,
        options?: boolean | AddEventListenerOptions,
      ) => {
        add(type, listener, options)
        if (!listener || (typeof options === 'object' && options.once)) return
        const key = keyOf(type, listener, isCapture(options))
        held.add(key)
        if (typeof options === 'object') options.signal?.addEventListener('abort', () => held.delete(key))
      }
      target.removeEventListener = (
        type: string,
        listener: EventListenerOrEventListenerObject | null,
        options?: boolean | EventListenerOptions,
      ) => {
        remove(type, listener, options)
        if (listener) held.delete(keyOf(type, listener, isCapture(options)))
      }
    }
    const repeat = window.setInterval.bind(window)
    const end = window.clearInterval.bind(window)
    window.setInterval = ((handler: () => void, ms?: number) => {
      const id = repeat(handler, ms)
      timers.add(id)
      return id
    }) as typeof setInterval
    window.clearInterval = (id) => {
      end(id)
      timers.delete(Number(id))
    }
    const make = URL.createObjectURL.bind(URL)
    const revoke = URL.revokeObjectURL.bind(URL)
    URL.createObjectURL = (object) => {
      const url = make(object)
      urls.add(url)
      return url
    }
    URL.revokeObjectURL = (url) => {
      revoke(url)
      urls.delete(url)
    }
    const ask = window.fetch.bind(window)
    window.fetch = async (...given) => {
      requests++
      try {
        return await ask(...given)
      } finally {
        requests--
      }
    }

    Object.assign(window, {
      holdings: () => ({
        tracks: [...tracks].filter(({ readyState }) => readyState === 'live').length,
        contexts: [...contexts].filter(({ state }) => state !== 'closed').length,
        sockets: [...sockets].filter(({ readyState }) => readyState < WebSocket.CLOSING).length,
        wakeLocks: [...wakeLocks].filter(({ released }) => !released).length,
        listeners: [...listeners.values()].reduce((sum, { size }) => sum + size, 0),
        timers: timers.size,
        urls: urls.size,
        requests,
      }),
    })
  })
}

/** What is held now. */
export function holdings(page: Page): Promise<Holdings> {
  return page.evaluate(() => (window as unknown as { holdings(): Holdings }).holdings())
}
