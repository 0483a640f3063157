import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { processName } from '../process/name.ts'
import { lockDirectory } from './lock.ts'

const log = pino({ level: 'silent' })
/** So that a holder on another machine is not waited for as long as in earnest. */
const QUICK = { beatMs: 20, staleMs: 120 }

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'castgate-lock-'))
})
afterEach(() => rm(directory, { recursive: true, force: true }))

const lock = (timing = QUICK) => lockDirectory(directory, log, timing)
const files = async () => (await readdir(directory)).filter((name) => name.startsWith('.lock')).sort()
const held = async (number: number) =>
  JSON.parse(await readFile(join(directory, `.lock-${number}`), 'utf8')) as Record<string, unknown>
/** What a holder on another machine wrote last. */
const elsewhere = (number: number, beats: number) =>
  writeFile(
    join(directory, `.lock-${number}`),
    JSON.stringify({ owner: 'x', host: 'other-machine', boot: 'another', pid: 77, socket: null, beats }).padEnd(1023),
  )

describe('the lock of a directory', () => {
  it('is given to one gateway at a time, also in one process', async () => {
    const first = await lock()
    await expect(lock()).rejects.toMatchObject({
      code: 'data_dir_taken',
      exitCode: 3,
      message: expect.stringContaining(`(process ${process.pid}) uses ${directory}.`),
    })
    await first.release()
    const second = await lock()
    await second.release()
    expect(await files()).toEqual(['.lock-2'])
  })

  it('is given to one of many that ask at the same moment', async () => {
    for (const left of ['', 'nonsense']) {
      await writeFile(join(directory, '.lock-3'), left)
      const asked = await Promise.allSettled(Array.from({ length: 12 }, () => lock()))
      const given = asked.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
      expect(given).toHaveLength(1)
      for (const result of asked) {
        if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'data_dir_taken' })
      }
      await given[0]?.release()
    }
  })

  it('stays with a holder on another machine for as long as its count goes up', async () => {
    await elsewhere(4, 1)
    let beats = 1
    const beating = setInterval(() => void elsewhere(4, ++beats), 5)
    try {
      await expect(lock({ beatMs: 20, staleMs: 60_000 })).rejects.toMatchObject({
        message: expect.stringContaining('(process 77)'),
      })
      await expect(lock({ beatMs: 20, staleMs: 60_000 })).rejects.toThrow('It runs on other-machine.')
    } finally {
      clearInterval(beating)
    }
  })

  it('is taken over from one whose count does not, and that one is told when it is back', async () => {
    const slow = await lock({ beatMs: 300, staleMs: 60_000 })
    // As another machine sees it: a holder whose count stands still between two beats.
    const seenFromElsewhere = async () => {
      const mine = await held(1)
      await writeFile(join(directory, '.lock-1'), JSON.stringify({ ...mine, boot: 'another' }).padEnd(1023))
      return lock({ beatMs: 60_000, staleMs: 40 }).catch(() => null)
    }
    let other = await seenFromElsewhere()
    while (!other) other = await seenFromElsewhere()
    if (!slow.lost.aborted) await once(slow.lost, 'abort')
    expect(await files()).toContain('.lock-2')
    await slow.release()
    await other.release()
  })

  it('is taken over from what a crash left: a file of another run of the machine, one that is empty, one of before', async () => {
    for (const left of ['', '{"pid":1', JSON.stringify({ boot: 'before', pid: process.pid, beats: 3 })]) {
      await rm(directory, { recursive: true })
      await mkdir(directory)
      await writeFile(join(directory, '.lock-9'), left)
      await writeFile(join(directory, '.lock'), '1.1')
      const taken = await lock()
      expect((await files()).filter((name) => !name.endsWith('.socket'))).toEqual(['.lock-10'])
      await taken.release()
    }
  })

  it('is not taken for free where the socket of its holder is another one here, as through another mount', async () => {
    const first = await lock({ beatMs: 10, staleMs: 60_000 })
    const { socket } = await held(1)
    await rename(join(directory, String(socket)), join(directory, 'elsewhere'))
    const nobody = createServer().listen(join(directory, String(socket)))
    await once(nobody, 'listening')
    await new Promise((resolve) => nobody.close(resolve))
    // What Node leaves of a server that was closed is nothing; a file that refuses is what a crash leaves.
    spawnSync(process.execPath, [
      '-e',
      `require('net').createServer().listen(${JSON.stringify(join(directory, String(socket)))}, () => process.kill(process.pid, 'SIGKILL'))`,
    ])
    await expect(lock({ beatMs: 10, staleMs: 60_000 })).rejects.toMatchObject({ code: 'data_dir_taken' })
    await first.release()
  })

  it('is lost to one who began anew after its files were removed by hand', async () => {
    const first = await lock({ beatMs: 20, staleMs: 60_000 })
    for (const name of await files()) await rm(join(directory, name))
    const second = await lock({ beatMs: 20, staleMs: 60_000 }).catch(() => null)
    // The first one may have written its file again before.
    if (second) {
      await once(first.lost, 'abort')
      expect(second.lost.aborted).toBe(false)
    }
    await first.release()
    await second?.release()
    expect(JSON.parse(await readFile(join(directory, (await files())[0] ?? ''), 'utf8'))).toMatchObject({
      released: true,
    })
  })

  it('is respected where a gateway of before has it', async () => {
    await writeFile(join(directory, '.lock'), `${await processName(process.pid)}\n`)
    await expect(lock()).rejects.toThrow(`(process ${process.pid})`)
    await writeFile(join(directory, '.lock'), `${process.pid}.1\n`)
    await (await lock()).release()
  })

  it('works where the path is longer than that of a socket may be', async () => {
    directory = join(directory, 'x'.repeat(120))
    await mkdir(directory)
    const first = await lock()
    expect((await held(1)).socket).toMatch(/\.socket$/)
    await expect(lock()).rejects.toMatchObject({ code: 'data_dir_taken' })
    await first.release()
    expect(await files()).toEqual(['.lock-1'])
  })
})
