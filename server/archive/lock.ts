import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { MissingError } from '../process/errors.ts'

/** Names the process that uses a directory: its number, and when it started. */
const FILE = '.lock'

/**
 * Takes a directory for this process, until the function that it gives is called. A lock of a process that has gone is taken over.
 * @throws MissingError where another gateway has it
 */
export async function lockDirectory(directory: string): Promise<() => Promise<void>> {
  const path = join(directory, FILE)
  const owner = (await readFile(path, 'utf8').catch(() => '')).trim()
  const [pid = 0] = owner.split(' ').map(Number)
  if (pid > 0 && (await nameOf(pid)) === owner) {
    throw new MissingError(
      'data_dir_taken',
      `Another gateway (process ${pid}) uses ${directory}. End it, or choose another directory with --data-dir.`,
    )
  }
  await writeFile(path, `${await nameOf(process.pid)}\n`)
  return () => rm(path, { force: true })
}

/**
 * The number of a process, which is given again after its end, and where it can be told the time of its start, which makes it unique; null
 * for none.
 */
async function nameOf(pid: number): Promise<string | null> {
  // proc(5): field 22, in ticks since the machine started; the name before them may have spaces.
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null)
  if (stat !== null) return `${pid} ${stat.slice(stat.lastIndexOf(')') + 2).split(' ')[22 - 3]}`
  try {
    process.kill(pid, 0)
    return `${pid}`
  } catch {
    // It has gone, or is another user's, who could not have written here.
    return null
  }
}
