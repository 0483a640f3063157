/** How long one uplink waits for the end of another. */
const WAIT_MS = 10_000

/** The ends that are near, by the address of their uplinks: a stream that is stopped and started again finds its own name free. */
const near = new Map<string, Set<Promise<void>>>()

/** Says that the uplink to `url` will end soon; returns a function that says that it has. */
export function announceEnd(url: string): () => void {
  let tell = () => {}
  const ended = new Promise<void>((resolve) => {
    tell = resolve
  })
  const ends = near.get(url) ?? new Set()
  near.set(url, ends.add(ended))
  return () => {
    tell()
    ends.delete(ended)
    if (ends.size === 0) near.delete(url)
  }
}

/** Resolves when all that was to end at `url` has ended, or does not in time. */
export async function untilEnded(url: string): Promise<void> {
  const ends = near.get(url)
  if (!ends) return
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, WAIT_MS)
  })
  await Promise.race([Promise.all(ends), late])
  clearTimeout(timer)
}
