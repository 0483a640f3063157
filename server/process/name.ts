import { readFile } from 'node:fs/promises'
import { hasCode } from './errors.ts'

/**
 * What tells a process from all others: its number, which is given again after its end, and where it can be told the time of its start
 * (`123.4567`); null where there is no such process.
 */
export async function processName(pid: number): Promise<string | null> {
  // proc(5): field 22, in ticks since the machine started; the name before them may have spaces.
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null)
  if (stat !== null) return `${pid}.${stat.slice(stat.lastIndexOf(')') + 2).split(' ')[22 - 3]}`
  try {
    process.kill(pid, 0)
    return `${pid}`
  } catch (error) {
    // Another user's is there, too.
    return hasCode(error, 'EPERM') ? `${pid}` : null
  }
}
