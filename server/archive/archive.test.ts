import { access, appendFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Directory } from '../broadcast/directory.ts'
import { Events } from '../events/events.ts'
import { Ffmpegs } from '../ffmpeg/ffmpegs.ts'
import { encodeFileHeader } from '../flv/tag.ts'
import { Archive, type ArchiveOptions } from './archive.ts'
import { createEntry, type Entry, entryFromId, FILES, newEntry, readEntry } from './entry.ts'

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

  it('removes the oldest of what is more than is to be kept', async () => {
    const at = (minutes: number) => new Date(Date.now() - minutes * 60_000).toISOString()
    const keepBytes = 100e6
    const [oldest, older, newest] = [
      await add({ state: 'ready', startedAt: at(30), bytes: 1 }, MP4),
      await add({ state: 'ready', startedAt: at(20), bytes: keepBytes / 2 }, MP4),
      await add({ state: 'ready', startedAt: at(10), bytes: keepBytes / 2 }, MP4),
    ]
    const opened = await open([], { keepBytes })
    await expect.poll(() => opened.get(oldest.id)).toBeNull()
    expect(await isOnDisk(oldest.id)).toBe(false)
    expect(opened.list().map(({ id }) => id)).toEqual([newest.id, older.id])
  })

  it('removes what is copied to another place only once it is there', async () => {
    const startedAt = new Date(Date.now() - 31 * DAY_S * 1000).toISOString()
    const { id } = await add({ state: 'ready', startedAt }, MP4)
    const keepSeconds = 30 * DAY_S
    let takes = false
    let asked = 0
    const upload = async () => {
      asked++
      if (!takes) throw new Error('the bucket is full')
      return `bucket/${id}`
    }
    const first = await open([], { keepSeconds, upload })
    await expect.poll(() => first.get(id)?.problem).toBe('the bucket is full')
    expect([asked, await isOnDisk(id)]).toEqual([1, true])
    await first.close()
    takes = true
    const second = await open([], { keepSeconds, upload })
    await expect.poll(() => second.get(id)?.uploadedAs).toBe(`bucket/${id}`)
    await second.close()
    const third = await open([], { keepSeconds, upload })
    await expect.poll(() => third.get(id)).toBeNull()
    expect([asked, await isOnDisk(id)]).toEqual([2, false])
  })

  it('does not finish a recording that still grows, whoever holds the directory', async () => {
    const { id } = await add({}, { name: 'flv', bytes: Buffer.alloc(5_000) })
    const path = join(directory, id, FILES.flv)
    const writing = setInterval(() => void appendFile(path, 'more'), 20)
    try {
      const opened = await open([])
      await expect.poll(() => opened.get(id)?.problem).toBe('another program writes to it')
      expect(opened.get(id)?.state).toBe('unfinished')
      expect((await readFile(path)).length).toBeGreaterThan(5_000)
    } finally {
      clearInterval(writing)
    }
  })

  it('calls no recording ready whose file is gone', async () => {
    const gone = await add({ state: 'ready', bytes: 5_000 }, { name: 'poster', bytes: Buffer.from('x') })
    const unmade = await add({ state: 'finishing', bytes: 5_000 }, { name: 'poster', bytes: Buffer.from('x') })
    const opened = await open([])
    for (const { id } of [gone, unmade]) {
      await expect.poll(() => opened.get(id)).toMatchObject({ state: 'unfinished', problem: 'its file is gone' })
      expect(opened.isGivenUp(id)).toBe(true)
    }
  })

  it('touches nothing any more where another gateway has taken the directory', async () => {
    const { id } = await add({ state: 'ready', bytes: 5_000 }, MP4)
    const opened = await open([id])
    const broadcast = new Directory().claim('cam', 'rtmp')
    const { id: recorded } = opened.start(broadcast)
    await expect.poll(() => isOnDisk(recorded)).toBe(true)
    await writeFile(join(directory, '.lock-9'), '{}')
    await expect.poll(() => opened.faultOf(broadcast)).toMatch(/another gateway has taken the directory/)
    expect(() => opened.start(broadcast)).toThrow(/cannot be recorded/)
    expect(await readEntry(directory, recorded)).toMatchObject({ state: 'recording' })
    await broadcast.end()
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
