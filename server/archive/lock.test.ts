import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { lockDirectory } from './lock.ts'

let directory: string
let file: string
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'castgate-lock-'))
  file = join(directory, '.lock')
})
afterAll(() => rm(directory, { recursive: true, force: true }))

it('gives a directory to one gateway at a time, also in one process', async () => {
  const release = await lockDirectory(directory)
  await expect(lockDirectory(directory)).rejects.toMatchObject({
    code: 'data_dir_taken',
    message: expect.stringContaining(`(process ${process.pid})`),
  })
  await release()
  const again = await lockDirectory(directory)
  await again()
})

it('takes over what a process left that has gone, or whose number another one has now', async () => {
  const gone = spawn(process.execPath, ['-e', ''])
  await once(gone, 'exit')
  for (const left of [`${gone.pid}.12345`, `${process.pid}.1`, 'nonsense', '']) {
    await writeFile(file, left)
    const release = await lockDirectory(directory)
    expect(await readFile(file, 'utf8')).not.toBe(left)
    await release()
  }
})
