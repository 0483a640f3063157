/** So long people see their picture before anybody else does. */
const SECONDS = 3

/** Counts 3, 2, 1 and then null, a second each; `signal` ends it sooner. */
export async function countDown(signal: AbortSignal, show: (seconds: number | null) => void): Promise<void> {
  for (let left = SECONDS; left > 0 && !signal.aborted; left--) {
    show(left)
    await new Promise<void>((resolve) => {
      const timer = setTimeout(end, 1_000)
      signal.addEventListener('abort', end)
      function end(): void {
        clearTimeout(timer)
        signal.removeEventListener('abort', end)
        resolve()
      }
    })
  }
  show(null)
}
