import { Broadcaster, type TokenSource } from '../broadcaster.ts'
import { type BroadcasterState, type BroadcasterStats, isOver } from '../broadcaster-state.ts'
import { CaptureError } from '../capture/errors.ts'
import { DEFAULT_QUALITY_ID, type Quality, qualityOf } from '../record/quality.ts'
import type { Interrupted } from './interrupted.ts'
import { type DeviceChoice, Source, type SourceKind } from './source.ts'

/** Something that went wrong: `code` is that of a {@link CaptureError} or of a failed broadcast; `message` is for people. */
export interface Problem {
  code: string
  message: string
}

const NO_FILE: Problem = { code: 'no_file', message: 'Choose a video file first, or drop one on the preview.' }
const STREAM_OVER: Problem = {
  code: 'stream_over',
  message: 'The stream that this page gave has ended. Reload the page.',
}

/** Where and as what to broadcast. */
export interface Destination {
  server: string
  stream: string
  token?: TokenSource
  /** A broadcast that a reload interrupted: it goes on. */
  interrupted?: Interrupted | null
}

/**
 * A source (camera, screen or file) with its settings, and the broadcast of it: what the studio and the widget show, without any looks.
 * It tells each change with a `change` event, and each change of the broadcast's state with a `statechange` event before that.
 */
export class Publisher extends EventTarget {
  readonly source = new Source()
  /** What was chosen; {@link Source.kind} is what is open. */
  kind: SourceKind = 'camera'
  problem: Problem | null = null
  qualityId = DEFAULT_QUALITY_ID
  muted = false
  readonly choice: DeviceChoice = { camera: '', microphone: '' }
  #broadcaster: Broadcaster | null = null
  /** Sources that are being opened. */
  #openings = 0
  /** The start that opens a source now: until it is over, `stop` ends it. */
  #starting: { isCancelled: boolean } | null = null

  /** What the broadcast does; null before the first one. */
  get state(): BroadcasterState | null {
    return this.#broadcaster?.state ?? null
  }

  get stats(): BroadcasterStats | null {
    return this.#broadcaster?.stats ?? null
  }

  /** Whether a source is being opened. */
  get opening(): boolean {
    return this.#openings > 0
  }

  /** Whether there is something to stop: a broadcast that runs, or one that is about to begin while its source is being opened. */
  get stoppable(): boolean {
    return this.busy || this.#starting !== null
  }

  /** Whether there is nothing to press now: a broadcast is ending, or a source is being opened for no broadcast. */
  get waiting(): boolean {
    return this.state?.kind === 'ending' || (this.opening && this.#starting === null)
  }

  /** Whether a broadcast runs. */
  get busy(): boolean {
    return this.#broadcaster !== null && !isOver(this.#broadcaster.state)
  }

  /** What to keep for going on after a reload, or null. */
  get resumption() {
    return this.#broadcaster?.resumption ?? null
  }

  /** Chooses a kind of source. A screen and a file need a choice first; while live, the old source goes on until then. */
  choose(kind: SourceKind): void {
    if (this.kind === kind) return
    this.problem = null
    this.kind = kind
    if (!this.busy) this.source.close()
    if (kind === 'camera' || (kind === 'screen' && this.busy)) void this.open()
    else this.#changed()
  }

  /** Opens the camera, or lets a screen be chosen; whether it is open then. */
  open(): Promise<boolean> {
    return this.#opened(() =>
      this.kind === 'screen'
        ? this.source.openScreen(this.#quality)
        : this.source.openCamera(this.choice, this.#quality),
    )
  }

  /** Opens a video file; whether it is open then. */
  openFile(file: File): Promise<boolean> {
    this.kind = 'file'
    return this.#opened(() => this.source.openFile(file))
  }

  /** Takes a stream that the page made; it stays the page's to stop. */
  useStream(stream: MediaStream): Promise<boolean> {
    this.kind = 'stream'
    return this.#opened(async () => this.source.takeStream(stream))
  }

  chooseDevice(which: 'camera' | 'microphone', id: string): void {
    this.choice[which] = id
    if (this.source.stream) void this.open()
  }

  chooseQuality(id: string): void {
    this.qualityId = qualityOf(id).id
    // A camera is opened anew in the new size; a screen and a file have the size that they have.
    if (this.source.stream && this.source.kind === 'camera') void this.open()
    else if (this.source.stream) void this.#goOn()
    this.#changed()
  }

  mute(muted: boolean): void {
    this.muted = muted
    this.#applyMute()
    this.#changed()
  }

  /** Broadcasts the source, which is opened first where it is not, or `media` of the page's own; whether a broadcast began. */
  async start(destination: Destination, media?: MediaStream): Promise<boolean> {
    if ((this.busy && this.state?.kind !== 'ending') || this.#starting) return false
    const starting = { isCancelled: false }
    this.#starting = starting
    this.#changed()
    try {
      // One that is ending is waited for: its name is free then.
      if (this.busy) await this.#broadcaster?.stop()
      if (starting.isCancelled || (media && !(await this.useStream(media)))) return false
      if (starting.isCancelled || !(await this.#ready(starting))) return false
    } finally {
      if (this.#starting === starting) this.#starting = null
      this.#changed()
    }
    const { stream } = this.source
    if (!stream || this.busy) return false
    this.#broadcast(stream, destination)
    return true
  }

  /** Opens the source where it is not open; whether it is ready then to be broadcast. */
  async #ready(starting: { isCancelled: boolean }): Promise<boolean> {
    const isOpen = this.source.kind === this.kind && this.source.stream?.active
    if (this.kind === 'file' && !this.source.file) return this.#failed(NO_FILE)
    // What the page gave has ended: no camera is opened in its place.
    if (this.kind === 'stream' && !isOpen) return this.#failed(STREAM_OVER)
    if (this.kind !== 'file' && !isOpen && !(await this.open())) return false
    if (!starting.isCancelled) await this.#rewindFile()
    return !starting.isCancelled
  }

  #broadcast(media: MediaStream, { server, stream, token, interrupted = null }: Destination): void {
    this.problem = null
    const resume = interrupted?.stream === stream ? { resume: interrupted.resumption } : {}
    const broadcaster = new Broadcaster({
      server,
      stream,
      quality: this.#quality,
      ...(token !== undefined && { token }),
      ...resume,
    })
    this.#broadcaster = broadcaster
    broadcaster.addEventListener('statechange', () => this.#stateChanged(broadcaster))
    broadcaster.start(media)
  }

  /**
   * Ends the broadcast, also one that is about to begin: what is being opened for it is released. Resolves when the server has everything, or does not
   * take it in time.
   */
  async stop(): Promise<void> {
    if (this.#starting) {
      this.#starting.isCancelled = true
      this.#starting = null
      if (this.opening) this.source.close()
      this.#changed()
    }
    await this.#broadcaster?.stop()
  }

  /** Ends the broadcast, and releases camera, screen or file. */
  close(): void {
    void this.stop()
    this.source.close()
    this.#changed()
  }

  get #quality(): Quality {
    return qualityOf(this.qualityId)
  }

  /** Opens a source with `open`, and goes on with it where a broadcast runs. */
  async #opened(open: () => Promise<void>): Promise<boolean> {
    this.problem = null
    this.#openings++
    this.#changed()
    try {
      await open()
      await this.#goOn()
      return true
    } catch (error) {
      if (!(error instanceof CaptureError)) throw error
      this.problem = { code: error.code, message: error.message }
      // What was broadcast before still is.
      if (this.busy) this.kind = this.source.kind
      return false
    } finally {
      this.#openings--
      this.#changed()
    }
  }

  /** Records the source as it is now, and releases the one before. */
  async #goOn(): Promise<void> {
    const { stream, file } = this.source
    if (!stream) return
    // A track that the page itself has turned off stays so.
    if (this.muted || this.source.kind !== 'stream') this.#applyMute()
    if (this.busy) {
      await this.#broadcaster?.replace(stream, this.#quality)
      void file?.element.play()
    }
    this.source.releaseOld()
  }

  #failed(problem: Problem): false {
    this.problem = problem
    this.#changed()
    return false
  }

  #applyMute(): void {
    for (const track of this.source.stream?.getAudioTracks() ?? []) track.enabled = !this.muted
  }

  #stateChanged(broadcaster: Broadcaster): void {
    if (broadcaster !== this.#broadcaster) return
    const { state } = broadcaster
    if (state.kind === 'live') void this.source.file?.element.play()
    if (isOver(state)) this.source.file?.element.pause()
    if (state.kind === 'failed') this.problem = { code: state.code, message: state.message }
    this.dispatchEvent(new Event('statechange'))
    this.#changed()
  }

  /** A file plays from its beginning in each broadcast. One that ended gives no more tracks, so it is opened again. */
  async #rewindFile(): Promise<void> {
    const { file } = this.source
    if (!file) return
    await file.rewind()
    this.source.stream = file.stream
  }

  #changed(): void {
    this.dispatchEvent(new Event('change'))
  }
}
