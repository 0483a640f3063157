/** Loudness below which a meter shows nothing, in dB relative to full scale. */
const FLOOR_DB = -60
/** What is always there: -120 dB, which nobody hears. */
const FLOOR_AMPLITUDE = 1e-6
/** How fast a sound goes on and off: without a click. */
const FADE_S = 0.02

/** What can be heard. `page`: the sound of a stream that the page itself made. */
export type SoundName = 'microphone' | 'screen' | 'file' | 'page'

interface Input {
  track: MediaStreamTrack
  source: MediaStreamAudioSourceNode
  gain: GainNode
  analyser: AnalyserNode
}

/**
 * Mixes what there is to hear into one track that never ends: sounds come, go and are muted, and what records the track sees nothing of it. Browsers
 * run it once a person did something on the page; until then it gives no sound, and {@link isRunning} says so.
 */
export class Mixer {
  readonly #context = new AudioContext()
  readonly #out = new MediaStreamAudioDestinationNode(this.#context, { channelCount: 2 })
  readonly #inputs = new Map<SoundName, Input>()
  readonly #muted = new Set<SoundName>()
  readonly #samples = new Float32Array(1024)

  /** `onChange` is called each time it begins to run or stops, as when a telephone call interrupts it. */
  constructor(onChange: () => void) {
    // Without any input, browsers give no sound at all, and what records it waits.
    const floor = new ConstantSourceNode(this.#context, { offset: FLOOR_AMPLITUDE })
    floor.connect(this.#out)
    floor.start()
    this.#context.addEventListener('statechange', () => {
      onChange()
      if (!this.isRunning) this.wake()
    })
    this.wake()
  }

  get track(): MediaStreamTrack {
    const [track] = this.#out.stream.getAudioTracks()
    if (!track) throw new Error('The browser mixes no sound.')
    return track
  }

  get isRunning(): boolean {
    return this.#context.state === 'running'
  }

  /** What is heard, or would be if it were not muted, in the order in which it came. */
  get sounds(): SoundName[] {
    return [...this.#inputs.keys()]
  }

  /** Whether it runs, after at most `ms`. */
  async ready(ms: number): Promise<boolean> {
    if (!this.isRunning) {
      let timer: ReturnType<typeof setTimeout> | undefined
      const late = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, ms)
      })
      await Promise.race([this.#context.resume().catch(() => late), late])
      clearTimeout(timer)
    }
    return this.isRunning
  }

  /** Asks the browser to run it, which it may put off until a person does something. */
  wake(): void {
    if (this.#context.state !== 'closed') void this.#context.resume().catch(() => {})
  }

  /** Puts the first sound track of `stream` in the place of what was there under this name; null takes it away. */
  input(name: SoundName, stream: MediaStream | null): void {
    const track = stream?.getAudioTracks().find(({ readyState }) => readyState === 'live') ?? null
    const before = this.#inputs.get(name)
    if (before?.track === track) return
    if (before) {
      before.source.disconnect()
      before.gain.disconnect()
      this.#inputs.delete(name)
    }
    if (!track) return
    const source = this.#context.createMediaStreamSource(new MediaStream([track]))
    const gain = new GainNode(this.#context, { gain: this.#muted.has(name) ? 0 : 1 })
    const analyser = new AnalyserNode(this.#context, { fftSize: this.#samples.length })
    source.connect(gain).connect(this.#out)
    gain.connect(analyser)
    this.#inputs.set(name, { track, source, gain, analyser })
  }

  /** Turns a sound off or on, also one that comes later under this name. */
  mute(name: SoundName, muted: boolean): void {
    if (muted) this.#muted.add(name)
    else this.#muted.delete(name)
    const gain = this.#inputs.get(name)?.gain.gain
    gain?.setTargetAtTime(muted ? 0 : 1, this.#context.currentTime, FADE_S / 3)
  }

  /** How loud a sound goes out, from 0 (silence, or {@link FLOOR_DB}) to 1 (as loud as can be). */
  level(name: SoundName): number {
    const analyser = this.#inputs.get(name)?.analyser
    if (!analyser || !this.isRunning) return 0
    analyser.getFloatTimeDomainData(this.#samples)
    let peak = 0
    for (const sample of this.#samples) peak = Math.max(peak, Math.abs(sample))
    const decibels = 20 * Math.log10(peak || 1e-9)
    return Math.min(1, Math.max(0, 1 - decibels / FLOOR_DB))
  }

  close(): void {
    for (const name of this.sounds) this.input(name, null)
    this.track.stop()
    void this.#context.close().catch(() => {})
  }
}
