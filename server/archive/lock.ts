import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { MissingError } from '../process/errors.ts'

/** Names the process that uses a directory. */
const FILE = '.lock'

/**
 * Takes a directory for this process, until the function that it gives is called. A lock of a process that has gone is taken over.
 * @throws MissingError where another gateway has it
 */
export async function lockDirectory(directory: string): Promise<() => Promise<void>> {
  const path = join(directory, FILE)
  const owner = Number(await readFile(path, 'utf8').catch(() => ''))
  if (owner > 0 && owner !== process.pid && (await isGateway(owner))) {
    throw new MissingError(
      'data_dir_taken',
      `Another gateway (process ${owner}) uses ${directory}. End it, or choose another directory with --data-dir.`,
    )
  }
  await writeFile(path, `${process.pid}\n`)
  return () => rm(path, { force: true })
}

/** Numbers of processes are given again: one that has another name now is no gateway. */
async function isGateway(pid: number): Promise<boolean> {
  try {
    process.kill(pid, 0)
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
  const name = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => null)
  return name === null || name.includes('node')
}
