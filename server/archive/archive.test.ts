import { access, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Events } from '../events/events.ts'
import { Ffmpegs } from '../ffmpeg/ffmpegs.ts'
import { encodeFileHeader } from '../flv/tag.ts'
import { Archive, type ArchiveOptions } from './archive.ts'
import { createEntry, type Entry, entryFromId, FILES, newEntry } from './entry.ts'

const DAY_S = 86_400

let directory: string
let archive: Archive | null = null
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'castgate-archive-'))
})
afterEach(async () => {
  await archive?.close()
  await rm(directory, { recursive: true, force: true })
})

/** Opens the archive; resolves when it has done something about `ids`. */
async function open(ids: string[], options: Partial<ArchiveOptions> = {}): Promise<Archive> {
  const opened = await Archive.open({
    ...{ directory, ffmpegs: new Ffmpegs('ffmpeg'), floorBytes: 0, keepSeconds: null, keepBytes: null },
    ...{ upload: null, events: new Events(), log: pino({ level: 'silent' }), ...options },
  })
  archive = opened
  await expect.poll(() => ids.every((id) => !opened.get(id) || opened.get(id)?.state === 'ready')).toBe(true)
  return opened
}

/** A recording on the disk. */
async function add(change: Partial<Entry>, file: { name: keyof typeof FILES; bytes: Buffer }): Promise<Entry> {
  const entry = { ...newEntry('cam', 'abc'), ...change }
  await createEntry(directory, entry)
  await writeFile(join(directory, entry.id, FILES[file.name]), file.bytes)
  return entry
}
const MP4 = { name: 'mp4' as const, bytes: Buffer.from('an MP4') }
const isOnDisk = (id: string) =>
  access(join(directory, id)).then(
    () => true,
    () => false,
  )

describe('an archive that is opened', () => {
  it('knows a recording by its directory where what is known of it was lost with the power', async () => {
    const { id, startedAt } = await add({}, MP4)
    await writeFile(join(directory, id, FILES.entry), '')
    const opened = await open([id])
    expect(opened.get(id)).toMatchObject({ stream: 'cam', state: 'ready', bytes: MP4.bytes.length })
    expect(opened.get(id)?.startedAt.slice(0, 19)).toBe(startedAt.slice(0, 19))
  })

  it('removes what a kill left of a recording before there was any media', async () => {
    const header = encodeFileHeader({ video: true, audio: true })
    const { id } = await add({}, { name: 'flv', bytes: header })
    await open([id])
    expect(await isOnDisk(id)).toBe(false)
  })

  it('removes what is older than it is to be kept, and nothing else', async () => {
    const at = (days: number) => new Date(Date.now() - days * DAY_S * 1000).toISOString()
    const old = await add({ state: 'ready', startedAt: at(31) }, MP4)
    const young = await add({ state: 'ready', startedAt: at(29) }, MP4)
    const opened = await open([], { keepSeconds: 30 * DAY_S })
    await expect.poll(() => opened.get(old.id)).toBeNull()
    expect(await isOnDisk(old.id)).toBe(false)
    expect(await isOnDisk(young.id)).toBe(true)
  })

  it('leaves alone what is no recording', async () => {
    await mkdir(join(directory, 'lost+found'))
    await mkdir(join(directory, 'holiday'))
    expect((await open([])).list()).toEqual([])
    expect(await isOnDisk('holiday')).toBe(true)
  })
})

it('tells a stream and a time from the name of a directory', () => {
  expect(entryFromId('my-cam_2-20261124T184014Z-0a1b2c')).toMatchObject({
    stream: 'my-cam_2',
    startedAt: '2026-11-24T18:40:14.000Z',
  })
  expect(entryFromId('my-cam')).toBeNull()
})
