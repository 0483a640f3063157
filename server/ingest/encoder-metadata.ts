import type { TrackName } from '../flv/steady-times.ts'
import type { AmfObject } from '../rtmp/amf.ts'
import { type EncoderTracks, tracksOf } from './encoder-codecs.ts'

/** Numbers that servers look for in metadata, and that the gateway does not know by itself. */
const TOLD = ['framerate', 'videodatarate', 'audiodatarate', 'audiosamplerate', 'audiosamplesize', 'audiochannels']

/** What an encoder says of its media (`onMetaData`, annex E.5 of FLV). It is not believed where the media says otherwise. */
export class EncoderMetadata {
  readonly #said: AmfObject

  constructor(said: AmfObject = new Map()) {
    this.#said = said
  }

  /** Whether it announces a track; null where it says nothing of tracks. */
  announces(track: TrackName): boolean | null {
    const hasVideo = this.#said.has('videocodecid')
    const hasAudio = this.#said.has('audiocodecid')
    if (!hasVideo && !hasAudio) return null
    return track === 'video' ? hasVideo : hasAudio
  }

  /** Pixels of the picture; 0 where it does not say. */
  get size(): { width: number; height: number } {
    return { width: this.#number('width'), height: this.#number('height') }
  }

  /** Frames a second; null where it does not say. */
  get frameRate(): number | null {
    return this.#number('framerate') || null
  }

  /** What players and servers are told: what is known here, and of what the encoder says what they look for. */
  toTell({ video, audio }: EncoderTracks): AmfObject {
    const values: AmfObject = new Map()
    for (const name of TOLD) {
      const value = this.#said.get(name)
      if (typeof value === 'number' && Number.isFinite(value)) values.set(name, value)
    }
    const { width = 0, height = 0 } = (video && tracksOf({ video, audio: null }).video) ?? {}
    if (width > 0) values.set('width', width).set('height', height)
    if (video) values.set('videocodecid', 7)
    if (audio) values.set('audiocodecid', 10)
    return values.set('encoder', 'Castgate')
  }

  #number(name: string): number {
    const value = this.#said.get(name)
    return typeof value === 'number' && Number.isFinite(value) && value > 0 ? value : 0
  }
}
