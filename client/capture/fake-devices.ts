import { vi } from 'vitest'

/** A track as a browser gives it. */
export class FakeTrack extends EventTarget {
  readonly kind: 'audio' | 'video'
  readonly label: string
  readyState: 'live' | 'ended' = 'live'
  enabled = true

  constructor(kind: FakeTrack['kind'], label: string) {
    super()
    this.kind = kind
    this.label = label
  }

  stop(): void {
    this.readyState = 'ended'
  }

  /** What happens to it from outside: a device is pulled out, held back by the system, or given back. */
  happen(event: 'ended' | 'mute' | 'unmute'): void {
    if (event === 'ended') this.readyState = 'ended'
    this.dispatchEvent(new Event(event))
  }
}

/** A stream of such tracks. */
export class FakeStream {
  readonly #tracks: FakeTrack[]

  constructor(tracks: FakeTrack[] = []) {
    this.#tracks = [...tracks]
  }

  getTracks = (): FakeTrack[] => this.#tracks
  getVideoTracks = (): FakeTrack[] => this.#tracks.filter(({ kind }) => kind === 'video')
  getAudioTracks = (): FakeTrack[] => this.#tracks.filter(({ kind }) => kind === 'audio')
  get active(): boolean {
    return this.#tracks.some(({ readyState }) => readyState === 'live')
  }
}

type Wanted = boolean | { deviceId?: { exact: string } } | undefined

/** The cameras, microphones and screens of a machine. */
export class FakeDevices extends EventTarget {
  /** Every track that was ever captured. */
  readonly captured: FakeTrack[] = []
  cameras = ['front', 'rear']
  microphones = ['built-in', 'headset']
  /** Whether the screen that is shared has sound. */
  screenHasSound = false
  /** What the next question is answered with. */
  refusal: DOMException | null = null
  /** While set, questions wait for it. */
  answer: Promise<void> | null = null

  getUserMedia = async (wanted: { video?: Wanted; audio?: Wanted }): Promise<FakeStream> => {
    await this.#asked()
    const of = (kind: FakeTrack['kind'], which: Wanted, devices: string[]) => {
      if (!which) return []
      const exact = which === true ? undefined : which.deviceId?.exact
      const found = exact === undefined ? devices[0] : devices.find((name) => name === exact)
      if (found === undefined) throw new DOMException('no such device', 'NotFoundError')
      return [this.#capture(kind, found)]
    }
    return new FakeStream([...of('video', wanted.video, this.cameras), ...of('audio', wanted.audio, this.microphones)])
  }

  getDisplayMedia = async (): Promise<FakeStream> => {
    await this.#asked()
    const picture = this.#capture('video', 'screen')
    return new FakeStream(this.screenHasSound ? [picture, this.#capture('audio', 'tab')] : [picture])
  }

  enumerateDevices = async () => [
    ...this.cameras.map((label) => ({ kind: 'videoinput', deviceId: label, label })),
    ...this.microphones.map((label) => ({ kind: 'audioinput', deviceId: label, label })),
  ]

  /** The names of what is captured now. */
  get live(): string[] {
    return this.captured.filter(({ readyState }) => readyState === 'live').map(({ label }) => label)
  }

  /** The track of `label` that was captured last. */
  track(label: string): FakeTrack {
    const found = this.captured.findLast((track) => track.label === label)
    if (!found) throw new Error(`"${label}" was never captured.`)
    return found
  }

  async #asked(): Promise<void> {
    await this.answer
    const { refusal } = this
    this.refusal = null
    if (refusal) throw refusal
  }

  #capture(kind: FakeTrack['kind'], label: string): FakeTrack {
    const track = new FakeTrack(kind, label)
    this.captured.push(track)
    return track
  }
}

/** Gives the test a machine with such devices. */
export function plugIn(): FakeDevices {
  const devices = new FakeDevices()
  vi.stubGlobal('isSecureContext', true)
  vi.stubGlobal('MediaStream', FakeStream)
  vi.stubGlobal('navigator', { mediaDevices: devices })
  return devices
}
