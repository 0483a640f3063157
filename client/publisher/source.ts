import { openCamera } from '../capture/camera.ts'
import { type Device, listDevices } from '../capture/devices.ts'
import { type FileCapture, openFile } from '../capture/file.ts'
import { openScreen } from '../capture/screen.ts'
import type { Quality } from '../record/quality.ts'

/** Where the picture comes from. */
export type SourceKind = 'camera' | 'screen' | 'file'

/** Device ids; '' for the browser's choice, `none` for no such device. */
export interface DeviceChoice {
  camera: string
  microphone: string
}

/** What the studio captures: one source at a time, opened and released together. */
export class StudioSource {
  kind: SourceKind = 'camera'
  stream: MediaStream | null = null
  file: FileCapture | null = null
  cameras: Device[] = []
  microphones: Device[] = []
  #release = () => {}

  /** Opens the camera, and then releases what was open: where it does not open, that goes on. @throws CaptureError */
  async useCamera(choice: DeviceChoice, quality: Quality): Promise<void> {
    const stream = await openCamera({ camera: choice.camera || null, microphone: choice.microphone || null }, quality)
    this.#become('camera', stream)
    await this.refreshDevices()
  }

  /** Lets the person choose a screen. @throws CaptureError */
  async useScreen(quality: Quality): Promise<void> {
    this.#become('screen', await openScreen(quality))
  }

  /** Opens a video file. @throws CaptureError */
  async useFile(file: File): Promise<void> {
    const opened = await openFile(file)
    this.#become('file', opened.stream)
    this.file = opened
  }

  #become(kind: SourceKind, stream: MediaStream): void {
    const old = { stream: this.stream, file: this.file }
    this.kind = kind
    this.stream = stream
    this.file = null
    this.#release = () => release(old)
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

  /** Releases camera, screen or file. */
  close(): void {
    this.releaseOld()
    release(this)
    this.stream = null
    this.file = null
  }
}

function release({ stream, file }: { stream: MediaStream | null; file: FileCapture | null }): void {
  file?.close()
  for (const track of stream?.getTracks() ?? []) track.stop()
}
