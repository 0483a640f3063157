import { open, statfs } from 'node:fs/promises'
import { dirname } from 'node:path'
import { hasCode } from '../process/errors.ts'

/** Free room, in bytes, for ordinary users on the disk that has `path`. */
export async function freeBytes(path: string): Promise<number> {
  const { bavail, bsize } = await statfs(dirname(path))
  return bavail * bsize
}

/** Waits until a file, or the names in a directory, would be there after a power cut (fsync). */
export async function settle(path: string): Promise<void> {
  const file = await open(path, 'r')
  try {
    await file.sync()
  } catch (error) {
    // Some file systems cannot do so for directories.
    if (!hasCode(error, 'EINVAL', 'ENOTSUP')) throw error
  } finally {
    await file.close()
  }
}
