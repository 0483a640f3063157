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
