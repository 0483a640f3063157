import { readFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'

/** What a process uses. */
export interface Usage {
  /** Processors: 0.5 is half of one. */
  cpu: number
  /** Memory, in bytes. */
  rssBytes: number
}

/** `sysconf(_SC_CLK_TCK)` and the size of a page, which are the same on every Linux that Node.js runs on. */
const TICKS_PER_SECOND = 100
const PAGE_BYTES = 4096

/** Most samples that are kept of a process: with one a second, it is the mean of so many seconds. */
const MOST_SAMPLES = 10

interface Sample {
  /** Monotonic, in s. */
  at: number
  cpuSeconds: number
  rssBytes: number
}

/** Looks now and then at what processes use, in /proc. On systems without it, they seem to use nothing. */
export class UsageSampler {
  readonly #samples = new Map<number, Sample[]>()

  /** Looks at these processes, and forgets all others. */
  async sample(pids: number[]): Promise<void> {
    for (const pid of this.#samples.keys()) if (!pids.includes(pid)) this.#samples.delete(pid)
    await Promise.all(
      pids.map(async (pid) => {
        const sample = await look(pid)
        if (!sample) return void this.#samples.delete(pid)
        this.#samples.set(pid, [...(this.#samples.get(pid) ?? []), sample].slice(-MOST_SAMPLES))
      }),
    )
  }

  of(pid: number): Usage {
    const samples = this.#samples.get(pid) ?? []
    const [first, last] = [samples[0], samples.at(-1)]
    if (!first || !last) return { cpu: 0, rssBytes: 0 }
    const seconds = last.at - first.at
    return { cpu: seconds > 0 ? (last.cpuSeconds - first.cpuSeconds) / seconds : 0, rssBytes: last.rssBytes }
  }
}

/** Processors that there are. */
export const CORES = availableParallelism()

/** The children of a process; none where that cannot be told. */
export async function childrenOf(pid: number): Promise<number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '')
  return text.split(' ').filter(Boolean).map(Number)
}

async function look(pid: number): Promise<Sample | null> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
    // proc(5): fields 14 and 15 are the times, 24 the resident pages; the name before them may have spaces.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const number = (field: number) => Number(fields[field - 3])
    const cpuSeconds = (number(14) + number(15)) / TICKS_PER_SECOND
    return { at: performance.now() / 1000, cpuSeconds, rssBytes: number(24) * PAGE_BYTES }
  } catch {
    // It has ended.
    return null
  }
}
