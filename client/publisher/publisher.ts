import { Broadcaster, type TokenSource } from '../broadcaster.ts'
import { type BroadcasterState, type BroadcasterStats, isOver } from '../broadcaster-state.ts'
import { CaptureError } from '../capture/errors.ts'
import { DEFAULT_QUALITY_ID, type Quality, qualityOf } from '../record/quality.ts'
import type { SoundName } from '../scene/mixer.ts'
import { Scene } from '../scene/scene.ts'
import { countDown } from './countdown.ts'
import type { Interrupted } from './interrupted.ts'
import { deviceProblem, NO_FILE, type Problem, STREAM_OVER, WITHOUT_MICROPHONE } from './problem.ts'
import { SoundBoard } from './sound-board.ts'
import { type DeviceChoice, type DeviceEvent, Source, type SourceKind } from './source.ts'

/** How long the browser may take to run the mixer; then sound goes in as it is. */
const MIXER_MS = 1_000
/** How long the last pictures of a file may take to go out. */
const LAST_PICTURES_MS = 1_000

/** Where and as what to broadcast. */
export interface StartOptions {
  server: string
  stream: string
  token?: TokenSource
  /** A broadcast that a reload interrupted: it goes on. */
  interrupted?: Interrupted | null
  /** Nobody pressed: what was on goes on, and a card in the place of what has to be chosen again. */
  isAutomatic?: boolean
}

/**
 * A source (camera, screen or file) with its settings, and the broadcast of it: what the studio and the widget show, without any looks.
 * It tells each change with a `change` event, each change of the broadcast's state with a `statechange` event before that, and what happens to a device
 * by itself with a `device` event.
 */
export class Publisher extends EventTarget {
  readonly source = new Source(
    (event) => void this.#deviceChanged(event),
    () => this.#changed(),
  )
  /** What was chosen; {@link Source.kind} is what is open. */
  kind: SourceKind = 'camera'
  problem: Problem | null = null
  qualityId = DEFAULT_QUALITY_ID
  readonly choice: DeviceChoice = { camera: '', microphone: '', music: false }
  /** What the cards say that stand in for a picture. */
  cards = { cameraOff: 'Camera off', back: 'Back in a moment' }
  /** The text of the card that viewers see now, or null. */
  card: string | null = null
  /** Seconds until the broadcast begins, while they are counted. */
  countdown: number | null = null
  readonly #board = new SoundBoard(this.source, () => void this.#record())
  /** What is broadcast, while something is. */
  #scene: Scene | null = null
  #broadcaster: Broadcaster | null = null
  /** What is recorded now. */
  #recorded: { stream: MediaStream; quality: Quality } | null = null
  /** Whether the camera was broadcast before the screen or the file that is now. */
  #isCameraBehind = false
  /** Whether {@link choice} was made on another day, with devices that may be gone. */
  #isOfAnotherDay = false
  /** Sources that are being opened. */
  #openings = 0
  /** The start that opens a source now: until it is over, `stop` ends it. */
  #starting: AbortController | null = null

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

  /** What is heard, or would be if it were not muted. */
  get sounds(): SoundName[] {
    return this.#board.sounds
  }

  /** Whether nothing of what there is to hear goes out. */
  get muted(): boolean {
    return this.#board.isMuted
  }

  isMuted(name: SoundName): boolean {
    return this.#board.isSoundMuted(name)
  }

  /** How loud a sound is: see {@link Mixer.level}. */
  level(name: SoundName): number {
    return this.#board.level(name)
  }

  /** What to keep beside {@link resumption}, so that what was on is on again, and nothing else. */
  get setting(): Omit<Interrupted, 'stream' | 'resumption' | 'seenAt'> {
    return {
      kind: this.kind,
      choice: { ...this.choice },
      qualityId: this.qualityId,
      muted: { microphone: this.isMuted('microphone'), screen: this.isMuted('screen'), file: this.isMuted('file') },
    }
  }

  /** Sets what was chosen on another day; nothing is opened. */
  remember(qualityId: string, choice: DeviceChoice): void {
    this.restore({ ...this.setting, qualityId, choice })
    this.#isOfAnotherDay = true
  }

  /** Sets what was kept; nothing is opened. */
  restore({ kind, choice, qualityId, muted }: Publisher['setting']): void {
    this.kind = kind
    Object.assign(this.choice, choice)
    this.qualityId = qualityOf(qualityId).id
    for (const name of ['microphone', 'screen', 'file'] as const) this.#board.mute(name, muted[name])
    this.#changed()
  }

  /** Chooses a kind of source. A screen and a file need a choice first; while live, the old source goes on until then. */
  choose(kind: SourceKind): void {
    if (this.kind === kind) return
    this.problem = null
    this.kind = kind
    if (!this.busy) this.#closeSource()
    if (kind === 'camera' || (kind === 'screen' && this.busy)) void this.open()
    else this.#changed()
  }

  /** Opens the camera, or lets a screen be chosen, with a microphone; whether it is open then. */
  open(): Promise<boolean> {
    return this.#opened(async () => {
      if (this.kind !== 'screen') return this.#openCamera()
      const wasCamera = this.#showsCamera
      await this.source.openScreen(this.#quality)
      this.#isCameraBehind ||= wasCamera
      await this.#openMicrophone()
    })
  }

  /** Opens a video file; whether it is open then. A microphone that is open stays so. */
  openFile(file: File): Promise<boolean> {
    this.kind = 'file'
    return this.#opened(async () => {
      const wasCamera = this.#showsCamera
      await this.source.openFile(file)
      this.#isCameraBehind ||= wasCamera
    })
  }

  /** Takes a stream that the page made; it stays the page's to stop. */
  useStream(stream: MediaStream): Promise<boolean> {
    this.kind = 'stream'
    return this.#opened(async () => this.source.takeStream(stream))
  }

  /** Chooses a camera or a microphone, which is opened where one is open, or was until it stopped. */
  chooseDevice(which: 'camera' | 'microphone', id: string): void {
    this.choice[which] = id
    this.#reopen(which)
  }

  /** Chooses how the microphone hears: see {@link DeviceChoice.music}. */
  chooseMusic(music: boolean): void {
    this.choice.music = music
    this.#reopen('microphone')
  }

  chooseQuality(id: string): void {
    this.qualityId = qualityOf(id).id
    // A camera is opened anew in the new size; a screen and a file have the size that they have.
    if (this.source.stream && this.source.kind === 'camera') void this.open()
    else if (this.source.isOpen) void this.#goOn()
    this.#changed()
  }

  /** Turns everything off that can be heard, or on again, also what comes later. */
  mute(muted: boolean): void {
    this.#board.muteAll(muted)
    this.#changed()
  }

  /** Turns one sound off, or on again. */
  muteSound(name: SoundName, muted: boolean): void {
    this.#board.mute(name, muted)
    this.#changed()
  }

  /**
   * Broadcasts the source, or `media` of the page's own; whether a broadcast began. A source that is not open is opened first, and the person sees its
   * picture for three seconds before anybody else does.
   */
  async start(options: StartOptions, media?: MediaStream): Promise<boolean> {
    if ((this.busy && this.state?.kind !== 'ending') || this.#starting) return false
    const starting = new AbortController()
    this.#starting = starting
    this.#changed()
    try {
      // One that is ending is waited for: its name is free then.
      if (this.busy) await this.#broadcaster?.stop()
      if (starting.signal.aborted || (media && !(await this.useStream(media)))) return false
      const isAutomatic = options.isAutomatic ?? false
      const goesOnWithCard = isAutomatic && this.kind !== 'camera'
      if (!goesOnWithCard && !(await this.#ready(starting.signal, isAutomatic))) return false
      await this.#board.ready(MIXER_MS)
      if (starting.signal.aborted || this.busy) return false
      this.#setUp()
      this.#broadcast(options)
      return true
    } finally {
      if (this.#starting === starting) this.#starting = null
      if (!this.busy) this.#tearDown()
      this.#changed()
    }
  }

  /**
   * Ends the broadcast, also one that is about to begin: what is being opened for it is released. Resolves when the server has everything, or does not
   * take it in time.
   */
  async stop(): Promise<void> {
    if (this.#starting) {
      this.#starting.abort()
      this.#starting = null
      if (this.opening) this.#closeSource()
      this.#changed()
    }
    await this.#broadcaster?.stop()
  }

  /** Ends the broadcast, and releases camera, microphone, screen or file. */
  close(): void {
    void this.stop()
    this.source.close()
    this.#tearDown()
    this.#board.close()
    this.#changed()
  }

  get #quality(): Quality {
    return qualityOf(this.qualityId)
  }

  get #showsCamera(): boolean {
    return this.source.kind === 'camera' && this.source.isOpen
  }

  /** Opens the source where it is not open, and shows it for a while; whether it is ready then to be broadcast. */
  async #ready(signal: AbortSignal, isAutomatic: boolean): Promise<boolean> {
    const { source } = this
    const isOpen = source.kind === this.kind && (source.stream?.active || (this.kind === 'camera' && source.isOpen))
    if (this.kind === 'file' && !source.file) return this.#failed(NO_FILE)
    // What the page gave has ended: no camera is opened in its place.
    if (this.kind === 'stream' && !isOpen) return this.#failed(STREAM_OVER)
    if (this.kind !== 'file' && !isOpen) {
      if (!(await this.open()) || signal.aborted) return false
      if (!isAutomatic) await this.#countDown(signal)
    }
    if (!signal.aborted) await source.rewind()
    return !signal.aborted
  }

  async #countDown(signal: AbortSignal): Promise<void> {
    await countDown(signal, (seconds) => {
      this.countdown = seconds
      this.#changed()
    })
  }

  /** Makes of the source what is broadcast. */
  #setUp(): void {
    this.#scene?.close()
    this.#scene = new Scene(this.#board.mixer)
    this.card = null
    this.#mix()
    const picture = pictureOf(this.source.stream)
    if (picture) this.#scene.show(picture, this.source.kind === 'camera')
    else if (!this.source.isOpen) this.#showCard(this.cards.back)
  }

  /** Nothing is broadcast any more; what is open stays so. */
  #tearDown(): void {
    this.#scene?.close()
    this.#scene = null
    this.#recorded = null
    this.#isCameraBehind = false
    this.card = null
  }

  #broadcast({ server, stream, token, interrupted = null }: StartOptions): void {
    const scene = this.#scene
    if (!scene) return
    if (this.problem?.offers === undefined) this.problem = null
    const resume = interrupted?.stream === stream ? { resume: interrupted.resumption } : {}
    const quality = this.#quality
    const broadcaster = new Broadcaster({
      server,
      stream,
      quality,
      ...(token !== undefined && { token }),
      ...resume,
    })
    this.#broadcaster = broadcaster
    this.#recorded = { stream: scene.stream, quality }
    broadcaster.addEventListener('statechange', () => this.#stateChanged(broadcaster))
    broadcaster.start(scene.stream)
  }

  /** Opens a source with `open`, and goes on with it where a broadcast runs. */
  async #opened(open: () => Promise<void>): Promise<boolean> {
    this.problem = null
    this.#openings++
    this.#changed()
    try {
      await open()
      if (this.source.kind === 'camera') this.#isCameraBehind = false
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

  /** A device that was chosen on another day, and is not there now, gives way to the browser's choice. */
  async #openCamera(): Promise<void> {
    const { source, choice } = this
    const isOfAnotherDay = this.#isOfAnotherDay
    this.#isOfAnotherDay = false
    try {
      await source.openCamera(choice, this.#quality)
    } catch (error) {
      if (!isOfAnotherDay || !(error instanceof CaptureError) || error.code !== 'no_device') throw error
      for (const which of ['camera', 'microphone'] as const) if (choice[which] !== 'none') choice[which] = ''
      await source.openCamera(choice, this.#quality)
    }
  }

  /** Where it does not open, what was chosen goes on without. */
  async #openMicrophone(): Promise<void> {
    try {
      await this.source.openMicrophone(this.choice, this.#quality)
    } catch (error) {
      if (!(error instanceof CaptureError)) throw error
      this.problem = WITHOUT_MICROPHONE
    }
  }

  #reopen(which: 'camera' | 'microphone'): void {
    this.#changed()
    const { kind, isOpen } = this.source
    if (!isOpen && !this.busy) return
    if (which === 'camera') {
      if (this.kind === 'camera') void this.open()
    } else if (kind !== 'stream') void this.#opened(() => this.source.openMicrophone(this.choice, this.#quality))
  }

  /** Shows and hears the source as it is now, and releases the one before. */
  async #goOn(): Promise<void> {
    this.#mix()
    const scene = this.#scene
    if (scene && this.busy) {
      const picture = pictureOf(this.source.stream)
      if (picture) {
        this.card = null
        scene.show(picture, this.source.kind === 'camera')
      } else if (scene.hasPicture) this.#showCard(this.cards.cameraOff)
      await this.#record()
      void this.source.file?.element.play()
    }
    this.source.releaseOld()
  }

  /** Records the scene as it is now: as a new epoch, where its tracks or the quality are others than before. */
  async #record(): Promise<void> {
    const { stream } = this.#scene ?? {}
    if (!stream || !this.busy) return
    const quality = this.#quality
    if (this.#recorded?.stream === stream && this.#recorded.quality === quality) return
    this.#recorded = { stream, quality }
    await this.#broadcaster?.replace(stream, quality)
  }

  #showCard(text: string): void {
    this.card = text
    this.#scene?.card(text, this.#quality)
  }

  /** Hears what is open. */
  #mix(): void {
    this.#board.update()
    this.#scene?.hear(this.#board.plain)
  }

  #closeSource(): void {
    this.source.close()
    this.#mix()
  }

  /** What is broadcast goes on, whatever happens to a device; the person is told. */
  async #deviceChanged(event: DeviceEvent): Promise<void> {
    const { source } = this
    const { what, change } = event
    this.dispatchEvent(new CustomEvent('device', { detail: event }))
    const problem = deviceProblem(event, this.busy)
    if (problem && (what !== 'screen' || !this.#isCameraBehind)) this.problem = problem
    if (change === 'unmuted' && this.problem?.code === `${what}_muted`) this.problem = null
    if (change === 'ended') {
      if (what === 'microphone') source.closeMicrophone()
      else if (what === 'file') await this.#fileEnded()
      else if (what !== 'stream') source.closePicture()
      this.#mix()
    }
    if (what === 'camera' && change === 'unmuted') await this.#goOn()
    else if (what === 'camera' && this.busy) this.#showCard(this.cards.cameraOff)
    if (what === 'screen' && change === 'ended' && this.busy) await this.#goBack()
    if (what === 'stream' && change === 'ended') this.#streamEnded()
    await this.#record()
    this.#changed()
  }

  /** What was before the screen or the file is there again. */
  async #goBack(): Promise<void> {
    this.#showCard(this.cards.back)
    await this.#record()
    if (!this.#isCameraBehind) return
    this.kind = 'camera'
    if (await this.open()) return
    this.kind = 'screen'
  }

  async #fileEnded(): Promise<void> {
    if (!this.busy) return
    if (this.#isCameraBehind) return this.#goBack()
    const late = new Promise((resolve) => setTimeout(resolve, LAST_PICTURES_MS))
    await Promise.race([this.#scene?.shown(), late])
    void this.stop()
  }

  #streamEnded(): void {
    if (!this.busy) return
    if (!this.source.stream?.active) return void this.stop()
    if (this.#scene?.hasPicture && !pictureOf(this.source.stream)) this.#showCard(this.cards.cameraOff)
  }

  #failed(problem: Problem): false {
    this.problem = problem
    this.#changed()
    return false
  }

  #stateChanged(broadcaster: Broadcaster): void {
    if (broadcaster !== this.#broadcaster) return
    const { state } = broadcaster
    if (state.kind === 'live') void this.source.file?.element.play()
    if (isOver(state)) {
      this.source.file?.element.pause()
      this.#tearDown()
      // What it says of viewers is over.
      if (this.problem?.offers) this.problem = null
    }
    if (state.kind === 'failed') this.problem = { code: state.code, message: state.message }
    this.dispatchEvent(new Event('statechange'))
    this.#changed()
  }

  #changed(): void {
    this.dispatchEvent(new Event('change'))
  }
}

function pictureOf(stream: MediaStream | null): MediaStreamTrack | null {
  return stream?.getVideoTracks().find(({ readyState }) => readyState === 'live') ?? null
}
