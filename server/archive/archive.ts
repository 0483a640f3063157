import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Logger } from 'pino'
import { GatewayError } from '../../shared/errors.ts'
import type { Broadcast } from '../broadcast/broadcast.ts'
import type { Events } from '../events/events.ts'
import type { Ffmpegs } from '../ffmpeg/ffmpegs.ts'
import { FILE_HEADER_BYTES } from '../flv/reader.ts'
import { sentence } from '../process/words.ts'
import { grows, lastWritten, takeDirectory } from './directory.ts'
import { freeBytes } from './disk.ts'
import {
  createEntry,
  type Entry,
  entryFromId,
  FILES,
  newEntry,
  RECORDING_ID,
  readEntry,
  STOP_WORDS,
  writeEntry,
} from './entry.ts'
import { finish, finishedFiles, sizeOf } from './finish.ts'
import type { DirectoryLock } from './lock.ts'
import { REMOVED, type RecordedFile, type Recorder, startRecorder } from './recorder.ts'
import type { Upload } from './upload.ts'
import { Uploader } from './uploader.ts'

/** How recordings are kept. */
export interface ArchiveOptions {
  /** Where they are. */
  directory: string
  ffmpegs: Ffmpegs
  /** Free room on the disk that recordings leave alone, in bytes. */
  floorBytes: number
  /** How long and how many bytes of them are kept; null for as long, and as many, as there is room. */
  keepSeconds: number | null
  keepBytes: number | null
  /** Copies what is ready to another place; null for none. */
  upload: Upload | null
  events: Events
  log: Logger
}

/** How often old recordings are looked for, and unfinished ones tried again. */
const TEND_MS = 60_000

const LOST = 'another gateway has taken the directory of recordings'
const GONE = 'its file is gone'

/** How often it is tried to finish a recording, until the gateway is started anew. */
const MAX_ATTEMPTS = 5

/**
 * The recordings of a gateway. Each has a directory, in which a file says how far it is. One at a time becomes an MP4; those that a crash
 * left behind do so at the next start.
 */
export class Archive {
  readonly #options: ArchiveOptions
  readonly #entries = new Map<string, Entry>()
  readonly #recorders = new Map<string, Recorder>()
  readonly #byBroadcast = new WeakMap<Broadcast, string>()
  readonly #closing = new AbortController()
  /** Aborted at the end, and when another gateway has taken the directory. */
  readonly #over: AbortSignal
  readonly #timer: NodeJS.Timeout
  /** Why broadcasts are not recorded any more, or never were, though they should be. */
  readonly #faults = new WeakMap<Broadcast, string>()
  /** What is written about recordings that have just ended. */
  readonly #settling = new Set<Promise<void>>()
  /** What is done with finished recordings, one after the other. */
  #work: Promise<void> = Promise.resolve()
  /** What is copied to another place, one after the other, while others are finished. */
  #uploads: Promise<void> = Promise.resolve()
  readonly #uploader: Uploader | null
  /** How often it was tried in vain to finish a recording. */
  readonly #attempts = new Map<string, number>()
  readonly #lock: DirectoryLock

  private constructor(options: ArchiveOptions, lock: DirectoryLock) {
    this.#options = options
    this.#lock = lock
    this.#over = AbortSignal.any([this.#closing.signal, lock.lost])
    this.#uploader = options.upload && new Uploader({ ...options, upload: options.upload }, this.#over)
    lock.lost.addEventListener('abort', () => this.#abandon())
    this.#timer = setInterval(() => this.#queue(() => this.#tend()), TEND_MS)
    this.#timer.unref()
  }

  /**
   * Opens the recordings in a directory, and goes on with what an earlier gateway left unfinished.
   * @throws MissingError where another gateway uses the directory, or it cannot be used
   */
  static async open(options: ArchiveOptions): Promise<Archive> {
    const archive = new Archive(options, await takeDirectory(options.directory, options.log))
    for (const id of await readdir(options.directory)) {
      if (!RECORDING_ID.test(id)) continue
      const entry = (await readEntry(options.directory, id)) ?? entryFromId(id)
      if (!entry) continue
      if (entry.state === 'recording') {
        const endedAt = await lastWritten(join(options.directory, id))
        Object.assign(entry, { state: 'finishing', reason: 'interrupted', endedAt })
      }
      archive.#entries.set(id, entry)
    }
    const { keepSeconds, keepBytes, log } = options
    if (keepSeconds !== null || keepBytes !== null) {
      log.info({ keepSeconds, keepBytes }, 'recordings that are older, or more, are deleted')
    }
    archive.#queue(() => archive.#tend())
    return archive
  }

  /** All recordings, the latest first. */
  list(): Entry[] {
    return [...this.#entries.values()]
      .map((entry) => this.#told(entry))
      .sort((a, b) => (a.startedAt < b.startedAt ? 1 : -1))
  }

  get(id: string): Entry | null {
    const entry = this.#entries.get(id)
    return entry ? this.#told(entry) : null
  }

  /** The file of a recording, or null while there is none. */
  async file(id: string, kind: 'mp4' | 'flv' | 'poster'): Promise<string | null> {
    if (!this.#entries.has(id)) return null
    const path = join(this.#options.directory, id, FILES[kind])
    return (await sizeOf(path)) === null ? null : path
  }

  /** The recording of a broadcast that runs now, or null. */
  recordingOf(broadcast: Broadcast): Entry | null {
    const id = this.#byBroadcast.get(broadcast)
    return id !== undefined && this.#recorders.has(id) ? this.get(id) : null
  }

  /** What ended, or prevented, the recording of a broadcast that goes on, as a sentence; null for nothing. */
  faultOf(broadcast: Broadcast): string | null {
    return this.#faults.get(broadcast) ?? null
  }

  /** Whether a recording that is not an MP4 is left alone until the next start. */
  isGivenUp(id: string): boolean {
    return (this.#attempts.get(id) ?? 0) >= MAX_ATTEMPTS
  }

  /**
   * Begins to record a broadcast, unless that is done already.
   * @throws GatewayError `unavailable` where another gateway has taken the directory
   */
  start(broadcast: Broadcast): Entry {
    const running = this.recordingOf(broadcast)
    if (running) return running
    const { directory, floorBytes, events, log } = this.#options
    if (this.#lock.lost.aborted) {
      this.#faults.set(broadcast, sentence(LOST))
      throw new GatewayError('unavailable', `"${broadcast.name}" cannot be recorded: ${sentence(LOST)}`)
    }
    const entry = newEntry(broadcast.name, broadcast.id)
    this.#faults.delete(broadcast)
    this.#byBroadcast.set(broadcast, entry.id)
    this.#entries.set(entry.id, entry)
    const recorder = startRecorder(
      broadcast,
      join(directory, entry.id, FILES.flv),
      floorBytes,
      createEntry(directory, entry),
    )
    this.#recorders.set(entry.id, recorder)
    broadcast.addOutput(recorder)
    events.emit('recording.started', broadcast.logFields, `"${broadcast.name}" is recorded.`, { recording: entry.id })
    const settled = recorder.done.then(async (written) => {
      this.#recorders.delete(entry.id)
      const { isGone, problem, ...result } = written
      const endedAt = new Date().toISOString()
      Object.assign(entry, result, { state: isGone ? 'unfinished' : 'finishing', problem, endedAt })
      if (isGone) this.#attempts.set(entry.id, MAX_ATTEMPTS)
      const words = `The recording of "${broadcast.name}" ended: ${STOP_WORDS[written.reason]}.`
      const isFault = written.reason.startsWith('disk')
      if (isFault) this.#faults.set(broadcast, faultWords(written))
      log[isFault ? 'error' : 'info']({ ...broadcast.logFields, ...written }, 'recording ended')
      const { reason, bytes, droppedFrames } = written
      events.emit('recording.stopped', broadcast.logFields, words, {
        recording: entry.id,
        reason,
        bytes,
        droppedFrames,
      })
      if (this.#lock.lost.aborted) return
      // A header alone is no recording. It may be a full disk, or none any more, that ended it.
      await (bytes <= FILE_HEADER_BYTES ? this.#forget(entry) : writeEntry(directory, entry)).catch(() => {})
      this.#queue(() => this.#tend())
    })
    // What is known of it is written also while the gateway ends.
    this.#settling.add(settled)
    void settled.finally(() => this.#settling.delete(settled))
    return this.#told(entry)
  }

  /** Ends the recording of a broadcast, which goes on. Resolves with it once everything is written; null where there is none. */
  async stop(broadcast: Broadcast): Promise<Entry | null> {
    const id = this.#byBroadcast.get(broadcast)
    const recorder = id === undefined ? undefined : this.#recorders.get(id)
    if (id === undefined || !recorder) return null
    recorder.stop()
    await recorder.done
    await broadcast.removeOutput(recorder)
    return this.get(id)
  }

  /** Removes a recording from the disk; false while something is done with it. */
  async remove(id: string): Promise<boolean> {
    const entry = this.#entries.get(id)
    if (this.#lock.lost.aborted) return false
    if (entry?.state === 'recording' || entry?.state === 'finishing' || this.#uploader?.isUploading(id)) return false
    if (entry) await this.#forget(entry)
    return true
  }

  /** Leaves what is not finished to the next start. Recorders end with their broadcasts. */
  async close(): Promise<void> {
    clearInterval(this.#timer)
    this.#closing.abort()
    await Promise.all([...this.#settling, this.#work, this.#uploads])
    await this.#lock.release()
  }

  /** Another gateway has the directory: nothing in it is touched any more. Broadcasts go on. */
  #abandon(): void {
    this.#options.log.error({ directory: this.#options.directory }, LOST)
    for (const recorder of this.#recorders.values()) recorder.stop(LOST)
  }

  async #forget({ id }: Entry): Promise<void> {
    await rm(join(this.#options.directory, id), { recursive: true, force: true })
    this.#entries.delete(id)
  }

  #told(entry: Entry): Entry {
    return { ...entry, bytes: this.#recorders.get(entry.id)?.bytes() ?? entry.bytes }
  }

  #queue(work: () => Promise<void>): void {
    this.#work = this.#work.then(async () => {
      if (this.#over.aborted) return
      await work().catch((error: unknown) => this.#options.log.error({ err: error }, 'recordings could not be tended'))
    })
  }

  /** Finishes what is not finished, and removes what is too old or too much. */
  async #tend(): Promise<void> {
    for (const entry of this.#entries.values()) {
      if (entry.state === 'ready') await this.#requireFile(entry)
      if (entry.state === 'unfinished' || entry.state === 'finishing') await this.#finish(entry)
    }
    this.#uploads = this.#uploads.then(() => this.#uploader?.uploadAll([...this.#entries.values()]))
    const { keepSeconds, keepBytes, upload, log } = this.#options
    let bytes = 0
    for (const { id, stream, broadcast, state, startedAt, bytes: own, uploadedAs } of this.list()) {
      // What is to be copied is kept until it is.
      if (upload && state === 'ready' && uploadedAs === null) continue
      if (state === 'ready') bytes += own
      const isOld = keepSeconds !== null && Date.now() - Date.parse(startedAt) > keepSeconds * 1000
      const isTooMuch = keepBytes !== null && bytes > keepBytes
      const mayGo = state === 'ready' ? isOld || isTooMuch : state === 'unfinished' && isOld
      if (!mayGo) continue
      if (!(await this.remove(id))) continue
      if (state === 'ready') bytes -= own
      log.info({ stream, broadcast, recording: id, why: isOld ? 'age' : 'size' }, 'an old recording was removed')
    }
  }

  /** Looks whether a recording that is ready has its file. What the disk does not tell keeps it as it is. */
  async #requireFile(entry: Entry): Promise<void> {
    const { directory, log } = this.#options
    try {
      if ((await sizeOf(join(directory, entry.id, FILES.mp4))) === null) await this.#lose(entry)
    } catch (error) {
      log.warn({ err: error, recording: entry.id }, 'the file of a recording cannot be looked at')
    }
  }

  /** A recording whose file someone has removed is not ready, and does not become so. */
  async #lose(entry: Entry): Promise<void> {
    const { directory, events, log } = this.#options
    const { id, stream, broadcast, problem } = entry
    this.#attempts.set(id, MAX_ATTEMPTS)
    entry.state = 'unfinished'
    if (problem === GONE || problem === REMOVED) return
    entry.problem = GONE
    log.error({ stream, broadcast, recording: id }, 'the file of a recording is gone')
    events.emit('recording.failed', { stream, broadcast }, `The recording of "${stream}" is lost: ${GONE}.`, {
      recording: id,
      problem: GONE,
    })
    await writeEntry(directory, entry).catch(() => {})
  }

  async #finish(entry: Entry): Promise<void> {
    const { directory, ffmpegs, floorBytes, events, log } = this.#options
    if (entry.state === 'ready' || this.#over.aborted) return
    if (this.isGivenUp(entry.id)) return
    const path = join(directory, entry.id)
    const { id, stream, broadcast } = entry
    const wasUnfinished = entry.state === 'unfinished'
    entry.state = 'finishing'
    try {
      const flvBytes = await sizeOf(join(path, FILES.flv))
      const hasMp4 = (await sizeOf(join(path, FILES.mp4))) !== null
      // There was media, and nothing is left of it; what was made of a part by someone else is not it.
      const isWithout = !hasMp4 && (entry.problem === GONE || entry.bytes > FILE_HEADER_BYTES)
      if (flvBytes === null && (entry.problem === REMOVED || isWithout)) return await this.#lose(entry)
      // A header alone is no recording; the MP4 may have been made before the gateway was killed.
      if ((flvBytes ?? 0) <= FILE_HEADER_BYTES && !hasMp4) {
        log.warn({ stream, broadcast, recording: id }, 'a recording without media was removed')
        return await this.#forget(entry)
      }
      if (flvBytes === null) Object.assign(entry, await finishedFiles(path))
      else if ((await freeBytes(join(path, FILES.flv))) < flvBytes + floorBytes) {
        throw new Error('there is no room for it on the disk')
      } else if (entry.reason === 'interrupted' && (await grows(join(path, FILES.flv), this.#over))) {
        throw new Error('another program writes to it')
      } else {
        this.#attempts.set(id, (this.#attempts.get(id) ?? 0) + 1)
        Object.assign(entry, await finish(path, stream, { ffmpegs, signal: this.#over }))
      }
      Object.assign(entry, { state: 'ready', problem: null })
      await writeEntry(directory, entry)
      const { seconds, bytes } = entry
      log.info({ stream, broadcast, recording: id, seconds, bytes }, 'recording is ready')
      events.emit('recording.ready', { stream, broadcast }, `The recording of "${stream}" is ready.`, {
        recording: id,
        seconds,
        bytes,
      })
    } catch (error) {
      if (this.#over.aborted) return
      const problem = error instanceof Error ? error.message : String(error)
      Object.assign(entry, { state: 'unfinished', problem })
      await writeEntry(directory, entry).catch(() => {})
      if (wasUnfinished) return
      log.error({ stream, broadcast, recording: id, reason: problem }, 'recording could not be finished')
      const words = `The recording of "${stream}" could not be made an MP4: ${sentence(problem)} It is tried again.`
      events.emit('recording.failed', { stream, broadcast }, words, { recording: id, problem })
    }
  }
}

/** What the system says of a disk that failed helps; of one that is full, there is nothing to add. */
function faultWords({ reason, problem }: RecordedFile): string {
  return sentence(
    reason === 'disk_error' && problem !== null ? `${STOP_WORDS[reason]} (${problem})` : STOP_WORDS[reason],
  )
}
