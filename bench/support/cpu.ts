import { readFile } from 'node:fs/promises'
import { descendantsOf } from '../../e2e/support/gateway.ts'

/** Ticks a second in which Linux counts CPU time (`getconf CLK_TCK`). */
const TICKS = 100

/** CPU seconds, user and system, of each process below `root` and of itself, by process id and name. */
export async function cpuOf(root: number): Promise<Map<string, number>> {
  const seconds = new Map<string, number>()
  for (const pid of [root, ...(await descendantsOf(root)).keys()]) {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null)
    // Fields 14 and 15 of proc(5), counted from behind the name, which may hold spaces.
    const [, name = '', rest = ''] = /^\d+ \((.*)\) (.*)$/s.exec(stat ?? '') ?? []
    const fields = rest.split(' ')
    if (stat) seconds.set(`${pid} ${name}`, (Number(fields[11]) + Number(fields[12])) / TICKS)
  }
  return seconds
}

/** What was used between two readings, by program, of the processes that are in both. */
export function usedBetween(before: Map<string, number>, after: Map<string, number>): Map<string, number> {
  const used = new Map<string, number>()
  for (const [key, seconds] of after) {
    const earlier = before.get(key)
    const name = key.slice(key.indexOf(' ') + 1)
    if (earlier !== undefined) used.set(name, (used.get(name) ?? 0) + seconds - earlier)
  }
  return used
}
