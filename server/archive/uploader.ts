import { join } from 'node:path'
import type { Logger } from 'pino'
import type { Events } from '../events/events.ts'
import { sentence } from '../process/words.ts'
import { type Entry, writeEntry } from './entry.ts'
import type { Upload } from './upload.ts'

/** Where recordings are, and where they are copied to. */
export interface UploaderOptions {
  directory: string
  upload: Upload
  events: Events
  log: Logger
}

/** Copies recordings that are ready to another place, one after the other. What fails is tried again at the next call. */
export class Uploader {
  readonly #options: UploaderOptions
  readonly #closing: AbortSignal
  /** Those for which it failed, and was told. */
  readonly #failed = new Set<string>()
  #current: string | null = null

  constructor(options: UploaderOptions, closing: AbortSignal) {
    this.#options = options
    this.#closing = closing
  }

  /** Whether a recording is being copied now. */
  isUploading(id: string): boolean {
    return this.#current === id
  }

  async uploadAll(entries: Entry[]): Promise<void> {
    for (const entry of entries) {
      if (entry.state !== 'ready' || entry.uploadedAs !== null || this.#closing.aborted) continue
      this.#current = entry.id
      try {
        await this.#upload(entry)
      } catch (error) {
        if (!this.#closing.aborted) this.#fail(entry, error)
      } finally {
        this.#current = null
      }
    }
  }

  async #upload(entry: Entry): Promise<void> {
    const { directory, upload, events, log } = this.#options
    const { id, stream, broadcast } = entry
    const uploadedAs = await upload(join(directory, id), entry, this.#closing)
    await writeEntry(directory, { ...entry, uploadedAs, problem: null })
    Object.assign(entry, { uploadedAs, problem: null })
    log.info({ stream, broadcast, recording: id, as: uploadedAs }, 'recording was uploaded')
    const words = `The recording of "${stream}" was uploaded.`
    events.emit('recording.uploaded', { stream, broadcast }, words, { recording: id, as: uploadedAs })
  }

  #fail(entry: Entry, error: unknown): void {
    const { events, log } = this.#options
    const { id, stream, broadcast } = entry
    const problem = error instanceof Error ? error.message || error.name : String(error)
    entry.problem = problem
    if (this.#failed.has(id)) return
    this.#failed.add(id)
    log.error({ stream, broadcast, recording: id, reason: problem }, 'recording could not be uploaded')
    const words = `The recording of "${stream}" could not be uploaded: ${sentence(problem)} It is tried again.`
    events.emit('recording.failed', { stream, broadcast }, words, { recording: id, problem })
  }
}
