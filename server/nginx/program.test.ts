import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { findNginx } from './program.ts'

let directory: string
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'castgate-'))
})
afterAll(() => rm(directory, { recursive: true }))

/** A program that answers `-V` as an nginx with these configure arguments. */
async function nginxThatSays(args: string): Promise<string> {
  const path = join(directory, 'nginx')
  await writeFile(path, `#!/bin/sh\necho "nginx version: openresty/1.27.1\nconfigure arguments: ${args}" >&2\n`)
  await chmod(path, 0o755)
  return path
}

describe('findNginx', () => {
  it('finds a module that is built in, as in an OpenResty with it', async () => {
    const path = await nginxThatSays('--prefix=/usr/local --add-module=../nginx-rtmp-module-1.2.2')
    expect(await findNginx(path)).toEqual({
      kind: 'found',
      program: { path, version: '1.27.1', rtmpModule: null, hasSubFilter: false },
    })
  })

  it('finds a module where nginx keeps its modules', async () => {
    const modules = join(directory, 'modules')
    await mkdir(modules)
    await writeFile(join(modules, 'ngx_rtmp_module.so'), '')
    const found = await findNginx(await nginxThatSays(`--modules-path=${modules}`))
    expect(found).toMatchObject({ kind: 'found', program: { rtmpModule: join(modules, 'ngx_rtmp_module.so') } })
  })

  it('says what is missing', async () => {
    expect(await findNginx(join(directory, 'nowhere'))).toEqual({ kind: 'no-nginx' })
    expect(await findNginx(await nginxThatSays('--modules-path=/nowhere'), [])).toEqual({
      kind: 'no-module',
      version: '1.27.1',
    })
  })
})
