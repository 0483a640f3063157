import { type CardSize, cardTrack } from './card.ts'
import type { Mixer } from './mixer.ts'
import { makePicture, type Picture } from './picture.ts'

/**
 * What is broadcast: one picture and one sound that go on whatever their sources do. Where the browser can, its tracks stay the same for good
 * (Chromium); elsewhere another picture is another track, and {@link stream} another stream.
 */
export class Scene {
  readonly #mixer: Mixer
  readonly #picture: Picture | null
  /** The picture itself, where pictures cannot be moved between tracks. */
  #plain: { track: MediaStreamTrack; isCard: boolean } | null = null
  #hasPicture = false
  #hasSound = false
  #plainSound: MediaStreamTrack | null = null
  #stream = new MediaStream()

  constructor(mixer: Mixer) {
    this.#mixer = mixer
    this.#picture = makePicture()
  }

  /** What to record: the same stream as long as its tracks are the same. A picture or a sound that was there once stays. */
  get stream(): MediaStream {
    const tracks = [this.#videoTrack, this.#audioTrack].filter((track) => track !== null)
    const before = this.#stream.getTracks()
    const isSame = before.length === tracks.length && tracks.every((track) => before.includes(track))
    if (!isSame) this.#stream = new MediaStream(tracks)
    return this.#stream
  }

  get hasPicture(): boolean {
    return this.#hasPicture
  }

  /** Shows a track, from its first picture on. */
  show(track: MediaStreamTrack, isCamera: boolean): void {
    this.#hasPicture = true
    if (this.#picture) this.#picture.show(track, isCamera)
    else this.#showPlain({ track, isCard: false })
  }

  /** Shows a card, in the size of the picture before or in `size`. */
  card(text: string, size: CardSize): void {
    this.#hasPicture = true
    if (this.#picture) return this.#picture.card(text, size)
    const { width = size.width, height = size.height } = this.#plain?.track.getSettings() ?? {}
    this.#showPlain({ track: cardTrack(text, { width, height }), isCard: true })
  }

  /** Resolves when every picture that came of the track that is shown went out, after that track ended. */
  async shown(): Promise<void> {
    await this.#picture?.shown()
  }

  /** The sound to record where the browser does not run the mixer. */
  hear(track: MediaStreamTrack | null): void {
    this.#plainSound = track
  }

  close(): void {
    this.#picture?.close()
    this.#showPlain(null)
  }

  get #videoTrack(): MediaStreamTrack | null {
    if (!this.#hasPicture) return null
    return this.#picture?.track ?? this.#plain?.track ?? null
  }

  get #audioTrack(): MediaStreamTrack | null {
    if (!this.#mixer.isRunning) return this.#plainSound
    this.#hasSound ||= this.#mixer.sounds.length > 0
    return this.#hasSound ? this.#mixer.track : null
  }

  #showPlain(next: { track: MediaStreamTrack; isCard: boolean } | null): void {
    if (this.#plain?.isCard) this.#plain.track.stop()
    this.#plain = next
  }
}
