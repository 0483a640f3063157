import { randomBytes } from 'node:crypto'
import { readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isFields, isNumberFrom } from '../../shared/narrow.ts'
import { makeOwnDirectory } from '../process/own-directory.ts'
import { settle } from './disk.ts'

/**
 * How far a recording is. `finishing`: it becomes an MP4; `unfinished`: that did not work yet, and is tried again; what was recorded is
 * there as FLV.
 */
export const RECORDING_STATES = ['recording', 'finishing', 'ready', 'unfinished'] as const
export type RecordingState = (typeof RECORDING_STATES)[number]

/** Why a recording ended. `interrupted`: the gateway was killed. */
export const STOP_REASONS = ['ended', 'stopped', 'disk_floor', 'disk_full', 'disk_error', 'interrupted'] as const
export type StopReason = (typeof STOP_REASONS)[number]

/** The same for people: the end of a sentence. */
export const STOP_WORDS: Record<StopReason, string> = {
  ended: 'the broadcast has ended',
  stopped: 'someone stopped it',
  disk_floor: 'the disk is almost full',
  disk_full: 'the disk is full',
  disk_error: 'the disk failed',
  interrupted: 'the gateway was killed',
}

/** A recording, as it stands in its `recording.json`. Times are ISO 8601, in UTC. */
export interface Entry {
  /** The name of its directory: `my-stream-20261124T184014Z-x7Qa`. */
  id: string
  stream: string
  /** The id of the broadcast, as in the log. */
  broadcast: string
  state: RecordingState
  startedAt: string
  endedAt: string | null
  reason: StopReason | null
  /** Of its largest file. */
  bytes: number
  /** Length, in s; null until it is ready. */
  seconds: number | null
  /** Frames that are missing because the disk was too slow. */
  droppedFrames: number
  /** Whether there is a poster picture. */
  poster: boolean
  /** Its name in the bucket that recordings are copied to; null while it is not there. */
  uploadedAs: string | null
  /** What went wrong, for people. */
  problem: string | null
}

/** The files of a recording in its directory. */
export const FILES = { entry: 'recording.json', flv: 'recording.flv', mp4: 'recording.mp4', poster: 'poster.jpg' }

/** What an id looks like: the stream, when it began, and something of its own. Nothing else is looked for on the disk. */
export const RECORDING_ID = /^[A-Za-z0-9_-]{1,100}$/
const PARTS_OF_ID = /^(.+)-(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z-[0-9a-f]{6}$/

/** The recording of a broadcast that begins now. */
export function newEntry(stream: string, broadcast: string): Entry {
  const startedAt = new Date().toISOString()
  const id = `${stream}-${startedAt.replace(/[-:]|\.\d+/g, '')}-${randomBytes(3).toString('hex')}`
  return entryOf(id, stream, broadcast, startedAt)
}

/** What the name of a recording's directory tells of it, where that is all that is left; null for another directory. */
export function entryFromId(id: string): Entry | null {
  const [, stream, year, month, day, hour, minute, second] = PARTS_OF_ID.exec(id) ?? []
  if (stream === undefined) return null
  return entryOf(id, stream, '', `${year}-${month}-${day}T${hour}:${minute}:${second}.000Z`)
}

function entryOf(id: string, stream: string, broadcast: string, startedAt: string): Entry {
  return {
    ...{ id, stream, broadcast, startedAt, state: 'recording' as const },
    ...{ endedAt: null, reason: null, bytes: 0, seconds: null, droppedFrames: 0 },
    ...{ poster: false, uploadedAs: null, problem: null },
  }
}

/** Makes the directory of a new recording. */
export async function createEntry(directory: string, entry: Entry): Promise<void> {
  await makeOwnDirectory(join(directory, entry.id))
  await writeEntry(directory, entry)
}

/** Writes what is known of a recording, whole or not at all. */
export async function writeEntry(directory: string, entry: Entry): Promise<void> {
  const path = join(directory, entry.id, FILES.entry)
  await writeFile(`${path}.new`, `${JSON.stringify(entry, null, 2)}\n`)
  await settle(`${path}.new`)
  await rename(`${path}.new`, path)
}

/** Reads what is known of the recording `id`; null where there is none, or its file cannot be read. */
export async function readEntry(directory: string, id: string): Promise<Entry | null> {
  let value: unknown
  try {
    value = JSON.parse(await readFile(join(directory, id, FILES.entry), 'utf8'))
  } catch {
    return null
  }
  if (!isFields(value)) return null
  const { stream, startedAt, endedAt, seconds, uploadedAs, problem } = value
  const state = RECORDING_STATES.find((each) => each === value.state)
  if (typeof stream !== 'string' || typeof startedAt !== 'string' || state === undefined) return null
  return {
    id,
    stream,
    broadcast: typeof value.broadcast === 'string' ? value.broadcast : '',
    state,
    startedAt,
    endedAt: typeof endedAt === 'string' ? endedAt : null,
    reason: STOP_REASONS.find((each) => each === value.reason) ?? null,
    bytes: isNumberFrom(0, value.bytes) ? value.bytes : 0,
    seconds: isNumberFrom(0, seconds) ? seconds : null,
    droppedFrames: isNumberFrom(0, value.droppedFrames) ? value.droppedFrames : 0,
    poster: value.poster === true,
    uploadedAs: typeof uploadedAs === 'string' ? uploadedAs : null,
    problem: typeof problem === 'string' ? problem : null,
  }
}
