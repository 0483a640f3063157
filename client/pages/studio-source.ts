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
  fileName: string | null = null
  cameras: Device[] = []
  microphones: Device[] = []

  /** Opens the camera, releasing what was open. @throws CaptureError */
  async useCamera(choice: DeviceChoice, quality: Quality): Promise<void> {
    this.close()
    this.kind = 'camera'
    this.stream = await openCamera({ camera: choice.camera || null, microphone: choice.microphone || null }, quality)
    await this.refreshDevices()
  }

  /** Lets the person choose a screen. @throws CaptureError */
  async useScreen(quality: Quality): Promise<void> {
    this.close()
    this.kind = 'screen'
    this.stream = await openScreen(quality)
  }

  /** Opens a video file. @throws CaptureError */
  async useFile(file: File): Promise<void> {
    this.close()
    this.kind = 'file'
    this.file = await openFile(file)
    this.fileName = file.name
    this.stream = this.file.stream
  }

  /** Reads the names of the devices again: they are told once the person allowed them. */
  async refreshDevices(): Promise<void> {
    const { cameras, microphones } = await listDevices()
    this.cameras = cameras
    this.microphones = microphones
  }

  /** Releases camera, screen or file. */
  close(): void {
    this.file?.close()
    for (const track of this.stream?.getTracks() ?? []) track.stop()
    this.stream = null
    this.file = null
    this.fileName = null
  }
}
