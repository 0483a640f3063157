import type { Writable } from 'node:stream'

/** Time after which an output that takes nothing counts as gone: TCP would need many minutes to find out. */
export const STALLED_MS = 8_000

/** Writes pieces as one, and waits for room where there is none; false where there is none for too long. */
export async function write(to: Writable, pieces: Buffer[], gone: AbortSignal): Promise<boolean> {
  to.cork()
  let room = true
  for (const piece of pieces) room = to.write(piece)
  to.uncork()
  if (room || gone.aborted) return true
  return new Promise((resolve) => {
    const settle = (wentOn: boolean) => {
      clearTimeout(timer)
      to.off('drain', goOn)
      gone.removeEventListener('abort', goOn)
      resolve(wentOn)
    }
    const goOn = () => settle(true)
    const timer = setTimeout(() => settle(false), STALLED_MS)
    to.once('drain', goOn)
    gone.addEventListener('abort', goOn)
  })
}
