import { readFile } from 'node:fs/promises'

/** What a process uses. */
export interface Usage {
  /** Processors: 0.5 is half of one. */
  cpu: number
  /** Memory, in bytes. */
  rssBytes: number
}

/** `sysconf(_SC_CLK_TCK)`, which is the same on every Linux that Node.js runs on. */
const TICKS_PER_SECOND = 100

/** Most samples that are kept of a process: with one a second, it is the mean of so many seconds. */
const MAX_SAMPLES = 10

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
        this.#samples.set(pid, [...(this.#samples.get(pid) ?? []), sample].slice(-MAX_SAMPLES))
      }),
    )
  }

  /** What a process uses; null for one that was not looked at twice. */
  of(pid: number): Usage | null {
    const samples = this.#samples.get(pid) ?? []
    const [first, last] = [samples[0], samples.at(-1)]
    if (!first || !last || first === last) return null
    return { cpu: (last.cpuSeconds - first.cpuSeconds) / (last.at - first.at), rssBytes: last.rssBytes }
  }
}

/** The children of a process; none where that cannot be told. */
export async function childrenOf(pid: number): Promise<number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '')
  return text.split(' ').filter(Boolean).map(Number)
}

async function look(pid: number): Promise<Sample | null> {
  try {
    const [stat, status] = await Promise.all([
      readFile(`/proc/${pid}/stat`, 'utf8'),
      readFile(`/proc/${pid}/status`, 'utf8'),
    ])
    // proc(5): fields 14 and 15 are the times; the name before them may have spaces.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const cpuSeconds = (Number(fields[14 - 3]) + Number(fields[15 - 3])) / TICKS_PER_SECOND
    const rssBytes = Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024
    return { at: performance.now() / 1000, cpuSeconds, rssBytes }
  } catch {
    // It has ended.
    return null
  }
}
