import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A disk of 3 MB in memory, for tests that fill it. */
export interface SmallDisk {
  path: string
  remove(): void
}

/** Mounts a small disk, which takes the rights of root; null where that is not allowed. */
export function mountSmallDisk(): SmallDisk | null {
  const path = mkdtempSync(join(tmpdir(), 'castgate-disk-'))
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=3m', 'tmpfs', path]).status === 0
  const remove = () => {
    if (mounted) spawnSync('umount', ['-l', path])
    rmSync(path, { recursive: true, force: true })
  }
  if (mounted) return { path, remove }
  remove()
  return null
}
