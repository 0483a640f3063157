import { Mixer, type SoundName } from '../scene/mixer.ts'
import type { Source } from './source.ts'

/** Every sound that there can be. */
const NAMES = ['microphone', 'screen', 'file', 'page'] as const satisfies readonly SoundName[]

/** What there is to hear of a source: which of it is muted, how loud it is, and all of it mixed into one track. */
export class SoundBoard {
  readonly #source: Source
  readonly #onChange: () => void
  readonly #muted = new Map<SoundName, boolean>()
  #mixer: Mixer | null = null

  /** `onChange` is called when the browser begins to run the mixer, or stops. */
  constructor(source: Source, onChange: () => void) {
    this.#source = source
    this.#onChange = onChange
  }

  /** What is heard, or would be if it were not muted. */
  get sounds(): SoundName[] {
    return this.#mixer?.sounds ?? []
  }

  /** Whether nothing of what there is to hear goes out. */
  get isMuted(): boolean {
    const sounds = this.sounds.length > 0 ? this.sounds : (['microphone'] as const)
    return sounds.every((name) => this.isSoundMuted(name))
  }

  isSoundMuted(name: SoundName): boolean {
    return this.#muted.get(name) ?? false
  }

  /** How loud a sound is: see {@link Mixer.level}. */
  level(name: SoundName): number {
    return this.#mixer?.level(name) ?? 0
  }

  /** Turns one sound off, or on again, also one that comes later. */
  mute(name: SoundName, muted: boolean): void {
    this.#muted.set(name, muted)
    this.#mixer?.mute(name, muted)
    for (const track of this.#source.microphone?.getAudioTracks() ?? []) {
      if (name === 'microphone') track.enabled = !muted
    }
    // A track that the page itself has turned off stays so; without the mixer there is no other way to be silent.
    const own = this.#ownSound[name]
    if (own && !this.#mixer?.isRunning) for (const track of own.getAudioTracks()) track.enabled = !muted
  }

  muteAll(muted: boolean): void {
    for (const name of NAMES) this.mute(name, muted)
  }

  /** The mixer of what is broadcast. */
  get mixer(): Mixer {
    this.#mixer ??= new Mixer(this.#onChange)
    return this.#mixer
  }

  /** Waits for the browser to run the mixer, at most for `ms`. */
  async ready(ms: number): Promise<void> {
    await this.#mixer?.ready(ms)
  }

  /** Hears what is open now. */
  update(): void {
    const source = this.#source
    // None is made for nothing: browsers limit how many there are.
    const mixer = source.isOpen ? this.mixer : this.#mixer
    mixer?.input('microphone', source.microphone)
    const own = this.#ownSound
    for (const name of ['screen', 'file', 'page'] as const) mixer?.input(name, own[name] ?? null)
    for (const [name, muted] of this.#muted) this.mute(name, muted)
  }

  /** The sound to record where the browser does not run the mixer. */
  get plain(): MediaStreamTrack | null {
    const { microphone, stream } = this.#source
    const [track = null] = [...(microphone?.getAudioTracks() ?? []), ...(stream?.getAudioTracks() ?? [])]
    return track
  }

  close(): void {
    this.#mixer?.close()
    this.#mixer = null
  }

  /** The sound that comes with the picture. */
  get #ownSound(): Partial<Record<SoundName, MediaStream>> {
    const { kind, stream } = this.#source
    if (!stream || kind === 'camera') return {}
    return { [kind === 'stream' ? 'page' : kind]: stream }
  }
}
