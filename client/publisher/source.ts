import { openCamera } from '../capture/camera.ts'
import { type Device, listDevices } from '../capture/devices.ts'
import { type FileCapture, openFile } from '../capture/file.ts'
import { openScreen } from '../capture/screen.ts'
import type { Quality } from '../record/quality.ts'

/** Where the picture comes from. `stream`: the page brings a MediaStream of its own. */
export type SourceKind = 'camera' | 'screen' | 'file' | 'stream'

/** Device ids; '' for the browser's choice, `none` for no such device. */
export interface DeviceChoice {
  camera: string
  microphone: string
}

/** What a publisher captures: one source at a time, opened and released together. */
export class Source {
  kind: SourceKind = 'camera'
  stream: MediaStream | null = null
  file: FileCapture | null = null
  cameras: Device[] = []
  microphones: Device[] = []
  #release = () => {}
  /** Set once it was closed: what is still being opened then is released at once. */
  #generation = 0

  /** Opens the camera, and then releases what was open: where it does not open, that goes on. @throws CaptureError */
  async openCamera(choice: DeviceChoice, quality: Quality): Promise<void> {
    const opening = this.#generation
    const stream = await openCamera({ camera: choice.camera || null, microphone: choice.microphone || null }, quality)
    if (!this.#become('camera', { stream, file: null }, opening)) return
    await this.refreshDevices()
  }

  /** Lets the person choose a screen. @throws CaptureError */
  async openScreen(quality: Quality): Promise<void> {
    const opening = this.#generation
    this.#become('screen', { stream: await openScreen(quality), file: null }, opening)
  }

  /** Opens a video file. @throws CaptureError */
  async openFile(file: File): Promise<void> {
    const opening = this.#generation
    const opened = await openFile(file)
    this.#become('file', { stream: opened.stream, file: opened }, opening)
  }

  /** Takes a stream that the page made, and never stops it. */
  takeStream(stream: MediaStream): void {
    this.#become('stream', { stream, file: null }, this.#generation)
  }

  /** Reads the names of the devices again: they are told once the person allowed them. */
  async refreshDevices(): Promise<void> {
    const { cameras, microphones } = await listDevices()
    this.cameras = cameras
    this.microphones = microphones
  }

  /** Releases what was open before, once nothing records it any more. */
  releaseOld(): void {
    this.#release()
    this.#release = () => {}
  }

  /** Releases camera, screen or file, also one that is being opened. */
  close(): void {
    this.#generation++
    this.releaseOld()
    release(this)
    this.stream = null
    this.file = null
  }

  /** Whether the new source is in use: one that was opened for nobody is released. */
  #become(kind: SourceKind, opened: Pick<Source, 'stream' | 'file'>, opening: number): boolean {
    if (opening !== this.#generation) {
      release({ kind, ...opened })
      return false
    }
    const old = { kind: this.kind, stream: this.stream, file: this.file }
    this.kind = kind
    this.stream = opened.stream
    this.file = opened.file
    const before = this.#release
    this.#release = () => {
      before()
      release(old)
    }
    return true
  }
}

function release({ kind, stream, file }: Pick<Source, 'kind' | 'stream' | 'file'>): void {
  file?.close()
  if (kind === 'stream') return
  for (const track of stream?.getTracks() ?? []) track.stop()
}
