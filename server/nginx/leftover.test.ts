import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { endLeftover } from './leftover.ts'

it('ends the workers of a master that is dead, and that its parent has not waited for', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'castgate-leftover-'))
  // What counts is the name of the process, and its group.
  await copyFile('/bin/sleep', join(directory, 'nginx'))
  const master = `echo $$ > nginx.pid; ./nginx 600 & echo $! > worker.pid; kill -9 $$`
  const parent = spawn('sh', ['-c', `setsid sh -c '${master}' & echo; kill -STOP $$`], { cwd: directory })
  try {
    await once(parent.stdout, 'data')
    const stateOf = async (file: string) => {
      const pid = (await readFile(join(directory, file), 'utf8').catch(() => '')).trim()
      const stat = await readFile(`/proc/${pid || 'none'}/stat`, 'utf8').catch(() => '')
      return stat.slice(stat.lastIndexOf(')') + 2)[0] ?? null
    }
    await expect.poll(() => stateOf('nginx.pid')).toBe('Z')
    await expect.poll(() => stateOf('worker.pid')).toBe('S')
    await writeFile(join(directory, 'nginx.conf'), '')
    await endLeftover(directory, join(directory, 'nginx.conf'))
    expect(['Z', null]).toContain(await stateOf('worker.pid'))
  } finally {
    parent.kill('SIGKILL')
    await rm(directory, { recursive: true })
  }
})
