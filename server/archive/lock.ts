import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { MissingError } from '../process/errors.ts'
import { processName } from '../process/name.ts'

/** Names the process that uses a directory: its number, and when it started. */
const FILE = '.lock'

/**
 * Takes a directory for this process, until the function that it gives is called. A lock of a process that has gone is taken over.
 * @throws MissingError where another gateway has it
 */
export async function lockDirectory(directory: string): Promise<() => Promise<void>> {
  const path = join(directory, FILE)
  const owner = (await readFile(path, 'utf8').catch(() => '')).trim()
  const pid = Number(owner.split('.')[0])
  if (pid > 0 && (await processName(pid)) === owner) {
    throw new MissingError(
      'data_dir_taken',
      `Another gateway (process ${pid}) uses ${directory}. End it, or choose another directory with --data-dir.`,
    )
  }
  await writeFile(path, `${await processName(process.pid)}\n`)
  return () => rm(path, { force: true })
}
