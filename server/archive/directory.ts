import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from 'pino'
import { hasCode, MissingError } from '../process/errors.ts'
import { makeOwnDirectory } from '../process/own-directory.ts'
import { FILES } from './entry.ts'
import { sizeOf } from './finish.ts'
import { type DirectoryLock, lockDirectory } from './lock.ts'

/** How long a recording that was left behind is looked at before it is taken for one that nobody writes. */
const GROWTH_MS = 2_000

/**
 * Makes a directory, and takes it for this gateway.
 * @throws MissingError where another gateway has it, or it cannot be used
 */
export async function takeDirectory(directory: string, log: Logger): Promise<DirectoryLock> {
  try {
    await makeOwnDirectory(directory)
    return await lockDirectory(directory, log)
  } catch (error) {
    if (!hasCode(error, 'EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'EEXIST', 'ENOSPC', 'EDQUOT', 'EIO')) throw error
    const { message } = error as Error
    throw new MissingError(
      'data_dir_unusable',
      `The directory ${directory} cannot be used: ${message}. See --data-dir.`,
    )
  }
}

/** Whether a file that was left behind still grows: then someone else writes it, whoever holds the directory. */
export async function grows(path: string, signal: AbortSignal): Promise<boolean> {
  const before = await sizeOf(path)
  await delay(GROWTH_MS, undefined, { signal }).catch(() => {})
  return (await sizeOf(path)) !== before
}

/** When something was last written to a recording that was interrupted. */
export async function lastWritten(directory: string): Promise<string> {
  const { mtime } = await stat(join(directory, FILES.flv)).catch(() => stat(directory))
  return mtime.toISOString()
}
