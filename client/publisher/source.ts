import { isFields } from '../../shared/narrow.ts'
import { openCamera } from '../capture/camera.ts'
import { type Device, listDevices, onDeviceChange } from '../capture/devices.ts'
import { type FileCapture, openFile } from '../capture/file.ts'
import { openScreen } from '../capture/screen.ts'
import type { Quality } from '../record/quality.ts'

/** Where the picture comes from. `stream`: the page brings a MediaStream of its own. */
export type SourceKind = 'camera' | 'screen' | 'file' | 'stream'

/** Device ids; '' for the browser's choice, `none` for no such device. */
export interface DeviceChoice {
  camera: string
  microphone: string
  /** The microphone hears music: all of it, in stereo, and not what a voice needs. */
  music: boolean
}

/** What was kept of a choice, or null where it is something else. */
export function deviceChoiceOf(kept: unknown): DeviceChoice | null {
  if (!isFields(kept)) return null
  const { camera, microphone, music } = kept
  if (typeof camera !== 'string' || typeof microphone !== 'string') return null
  return { camera, microphone, music: music === true }
}

/** What happened to a device by itself. `ended`: it was unplugged, taken away, or is over; `muted`: the system holds it back for a while. */
export interface DeviceEvent {
  what: 'microphone' | SourceKind
  change: 'ended' | 'muted' | 'unmuted'
  /** What the browser calls it. */
  label: string
}

interface Picture {
  kind: SourceKind
  /** The picture, and for a screen, a file and a page's stream the sound that it has; null where there is none. */
  stream: MediaStream | null
  file: FileCapture | null
}

/** What a publisher captures: one picture at a time, and a microphone beside it, each opened and released by itself. */
export class Source {
  kind: SourceKind = 'camera'
  stream: MediaStream | null = null
  file: FileCapture | null = null
  microphone: MediaStream | null = null
  cameras: Device[] = []
  microphones: Device[] = []
  /** What the microphone was opened as. */
  #microphoneAs = ''
  #release = () => {}
  /** Counts what was closed: what is still being opened then is released at once. */
  #generation = 0
  readonly #onDevice: (event: DeviceEvent) => void
  #unlisten: (() => void) | null = null
  readonly #onDevices: () => void

  /** `onDevice` is told what happens to what is open; `onDevices` when {@link cameras} and {@link microphones} have changed. */
  constructor(onDevice: (event: DeviceEvent) => void, onDevices: () => void) {
    this.#onDevice = onDevice
    this.#onDevices = onDevices
  }

  /** Whether anything is captured. */
  get isOpen(): boolean {
    return this.stream !== null || this.microphone !== null
  }

  /** Opens camera and microphone, as far as they are not open as chosen, and then releases what was open. @throws CaptureError */
  async openCamera(choice: DeviceChoice, quality: Quality): Promise<void> {
    const opening = this.#generation
    const needsMicrophone = this.#needsMicrophone(choice)
    const camera = choice.camera || null
    const microphone = needsMicrophone ? choice.microphone || null : 'none'
    const opened =
      camera === 'none' && microphone === 'none'
        ? new MediaStream()
        : await openCamera({ camera, microphone, music: choice.music }, quality)
    const [picture, sound] = [opened.getVideoTracks(), opened.getAudioTracks()]
    if (opening !== this.#generation) return stopAll(opened)
    if (needsMicrophone || choice.microphone === 'none') this.#takeMicrophone(sound, choice)
    this.#become({ kind: 'camera', stream: picture.length > 0 ? new MediaStream(picture) : null, file: null }, opening)
    await this.refreshDevices()
  }

  /** Opens the microphone alone. @throws CaptureError */
  async openMicrophone(choice: DeviceChoice, quality: Quality): Promise<void> {
    if (choice.microphone === 'none') return this.#takeMicrophone([], choice)
    if (!this.#needsMicrophone(choice)) return
    const opening = this.#generation
    const { music } = choice
    const opened = await openCamera({ camera: 'none', microphone: choice.microphone || null, music }, quality)
    if (opening !== this.#generation) return stopAll(opened)
    this.#takeMicrophone(opened.getAudioTracks(), choice)
    await this.refreshDevices()
  }

  /** Lets the person choose a screen. @throws CaptureError */
  async openScreen(quality: Quality): Promise<void> {
    const opening = this.#generation
    this.#become({ kind: 'screen', stream: await openScreen(quality), file: null }, opening)
  }

  /** Opens a video file. @throws CaptureError */
  async openFile(file: File): Promise<void> {
    const opening = this.#generation
    const opened = await openFile(file)
    this.#become({ kind: 'file', stream: opened.stream, file: opened }, opening)
  }

  /** Takes a stream that the page made, and never stops it. */
  takeStream(stream: MediaStream): void {
    this.closeMicrophone()
    this.#become({ kind: 'stream', stream, file: null }, this.#generation)
  }

  /** Begins a file that is open at its beginning again: one that ended gives no more tracks. */
  async rewind(): Promise<void> {
    const { file } = this
    if (!file) return
    await file.rewind()
    if (this.file !== file || this.stream === file.stream) return
    this.stream = file.stream
  }

  /** Reads the names of the devices again: they are told once the person allowed them. From now on their coming and going is followed. */
  async refreshDevices(): Promise<void> {
    const { cameras, microphones } = await listDevices()
    this.cameras = cameras
    this.microphones = microphones
    this.#unlisten ??= onDeviceChange(() => void this.refreshDevices().catch(() => {}))
    this.#onDevices()
  }

  /** Releases the picture that was open before, once nothing shows it any more. */
  releaseOld(): void {
    this.#release()
    this.#release = () => {}
  }

  closeMicrophone(): void {
    stopAll(this.microphone)
    this.microphone = null
    this.#microphoneAs = ''
  }

  /** Releases the picture, and leaves the microphone. */
  closePicture(): void {
    release(this)
    this.stream = null
    this.file = null
  }

  /** Releases camera, microphone, screen or file, also one that is being opened. */
  close(): void {
    this.#generation++
    this.releaseOld()
    this.closePicture()
    this.closeMicrophone()
    this.#unlisten?.()
    this.#unlisten = null
  }

  #needsMicrophone(choice: DeviceChoice): boolean {
    if (choice.microphone === 'none') return false
    return this.microphone === null || this.#microphoneAs !== asText(choice)
  }

  #takeMicrophone(tracks: MediaStreamTrack[], choice: DeviceChoice): void {
    this.closeMicrophone()
    const [track] = tracks
    if (!track) return
    const stream = new MediaStream([track])
    this.microphone = stream
    this.#microphoneAs = asText(choice)
    this.#follow(track, 'microphone', () => this.microphone === stream)
  }

  /** Takes a new picture; one that was opened for nobody is released. */
  #become(next: Picture, opening: number): void {
    if (opening !== this.#generation) return release(next)
    const old: Picture = { kind: this.kind, stream: this.stream, file: this.file }
    Object.assign(this, next)
    const { stream, file } = next
    const isOpen = () => this.stream === stream && this.file === file
    for (const track of file ? [] : (stream?.getTracks() ?? [])) this.#follow(track, next.kind, isOpen)
    file?.element.addEventListener('ended', () => {
      if (this.file === file) this.#onDevice({ what: 'file', change: 'ended', label: '' })
    })
    const before = this.#release
    this.#release = () => {
      before()
      release(old)
    }
  }

  #follow(track: MediaStreamTrack, what: DeviceEvent['what'], isOpen: () => boolean): void {
    const tell = (change: DeviceEvent['change']) => {
      if (isOpen()) this.#onDevice({ what, change, label: track.label })
    }
    track.addEventListener('ended', () => tell('ended'))
    track.addEventListener('mute', () => tell('muted'))
    track.addEventListener('unmute', () => tell('unmuted'))
  }
}

function asText({ microphone, music }: DeviceChoice): string {
  return `${microphone} ${music}`
}

function stopAll(stream: MediaStream | null): void {
  for (const track of stream?.getTracks() ?? []) track.stop()
}

function release({ kind, stream, file }: Picture): void {
  file?.close()
  if (kind !== 'stream') stopAll(stream)
}
