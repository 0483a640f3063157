import { statfs } from 'node:fs/promises'
import { dirname } from 'node:path'

/** Free room, in bytes, for ordinary users on the disk that has `path`. */
export async function freeBytes(path: string): Promise<number> {
  const { bavail, bsize } = await statfs(dirname(path))
  return bavail * bsize
}
