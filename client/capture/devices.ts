import { requireCapture } from './errors.ts'

/** A camera or microphone to choose. */
export interface Device {
  id: string
  label: string
}

/** The cameras and microphones of this machine. Before the person allowed them, browsers tell no names. */
export async function listDevices(): Promise<{ cameras: Device[]; microphones: Device[] }> {
  const found = await requireCapture().enumerateDevices()
  const of = (kind: MediaDeviceKind, name: string) =>
    found
      .filter((device) => device.kind === kind && device.deviceId !== '')
      .map((device, index) => ({ id: device.deviceId, label: device.label || `${name} ${index + 1}` }))
  return { cameras: of('videoinput', 'Camera'), microphones: of('audioinput', 'Microphone') }
}

/** Calls `listener` whenever a camera or microphone comes or goes; gives what ends that. */
export function onDeviceChange(listener: () => void): () => void {
  const devices = requireCapture()
  devices.addEventListener('devicechange', listener)
  return () => devices.removeEventListener('devicechange', listener)
}
