import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { access, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect, it } from 'vitest'
import { readTarget } from './address.ts'
import { removeOldKeyFiles, writeKeyFile } from './key-file.ts'

const target = readTarget({ url: 'rtmp://live.example.org/app', key: 'a-secret-key' })
const isThere = (path: string) =>
  access(path).then(
    () => true,
    () => false,
  )

it('is for this user alone, and is gone when it was used', async () => {
  const file = await writeKeyFile(target)
  expect(await readFile(file.path, 'utf8')).toContain('rtmp_playpath=a-secret-key\n')
  expect((await stat(file.path)).mode & 0o077).toBe(0)
  await file.remove()
  expect(await isThere(dirname(file.path))).toBe(false)
})

it('is removed at the next start of a gateway where the one that wrote it was killed', async () => {
  const killed = spawn(process.execPath, ['-e', ''])
  await once(killed, 'exit')
  // Also where the gateway that starts has its number.
  const left = [`castgate-key-${killed.pid}.1-x`, `castgate-key-${process.pid}.1-x`].map((name) => join(tmpdir(), name))
  for (const path of left) {
    await mkdir(path)
    await writeFile(join(path, 'options'), 'rtmp_playpath=a-secret-key')
  }
  const own = await writeKeyFile(target)
  try {
    await removeOldKeyFiles()
    for (const path of left) expect(await isThere(path)).toBe(false)
    expect(await isThere(own.path)).toBe(true)
  } finally {
    await own.remove()
    for (const path of left) await rm(path, { recursive: true, force: true })
  }
})
