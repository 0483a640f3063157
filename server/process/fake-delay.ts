import { vi } from 'vitest'

/** `setTimeout` of `node:timers/promises` by the global one, which fake timers know: `vi.mock('node:timers/promises', () => import('./fake-delay.ts'))`. */
export function setTimeout<T>(ms: number, value: T, { signal }: { signal?: AbortSignal } = {}): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = globalThis.setTimeout(() => resolve(value), ms)
    signal?.addEventListener('abort', () => {
      clearTimeout(timer)
      reject(signal.reason)
    })
  })
}

/** How long it takes until `isDone`, in steps of 100 ms of fake time. */
export async function timeUntil(isDone: () => boolean): Promise<number> {
  let waited = 0
  for (; !isDone(); waited += 100) await vi.advanceTimersByTimeAsync(100)
  return waited
}
