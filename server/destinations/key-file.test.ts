import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { access, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect, it } from 'vitest'
import { readDestination } from './destination.ts'
import { removeOldKeyFiles, writeKeyFile } from './key-file.ts'

const destination = readDestination({ url: 'rtmp://live.example.org/app', key: 'a-secret-key' })
const isThere = (path: string) =>
  access(path).then(
    () => true,
    () => false,
  )

it('is for this user alone, and is gone when it was used', async () => {
  const file = await writeKeyFile(destination)
  expect(await readFile(file.path, 'utf8')).toContain('rtmp_playpath=a-secret-key\n')
  expect((await stat(file.path)).mode & 0o077).toBe(0)
  await file.remove()
  expect(await isThere(dirname(file.path))).toBe(false)
})

it('is removed at the next start of a gateway where the one that wrote it was killed', async () => {
  const killed = spawn(process.execPath, ['-e', ''])
  await once(killed, 'exit')
  const left = join(tmpdir(), `castgate-key-${killed.pid}-x`)
  await mkdir(left)
  await writeFile(join(left, 'options'), 'rtmp_playpath=a-secret-key')
  const own = await writeKeyFile(destination)
  try {
    await removeOldKeyFiles()
    expect(await isThere(left)).toBe(false)
    expect(await isThere(own.path)).toBe(true)
  } finally {
    await own.remove()
    await rm(left, { recursive: true, force: true })
  }
})
