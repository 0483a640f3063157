import { isWholeHeader, ParameterSetWatch } from '../flv/avc.ts'
import { Silence } from '../flv/silence.ts'
import { kindOf, type Tag } from '../flv/tag.ts'

/**
 * Makes the tags of one epoch fit for the bus: a picture header goes before a keyframe that brings its own, and silence goes
 * beside a picture that has no sound.
 */
export class EpochWriter {
  readonly #publish: (tag: Tag) => void
  readonly #parameterSets = new ParameterSetWatch()
  readonly #silence: Silence | null

  /** `publish` puts a tag on the bus; `silent` says that the epoch has a picture and no sound. */
  constructor(publish: (tag: Tag) => void, silent: boolean) {
    this.#publish = publish
    this.#silence = silent ? new Silence() : null
  }

  write(tag: Tag): void {
    switch (kindOf(tag)) {
      case 'video-header':
        if (!isWholeHeader(tag)) return
        this.#parameterSets.saw(tag)
        break
      case 'keyframe': {
        const header = this.#parameterSets.headerBefore(tag)
        if (header) this.#publish(header)
        break
      }
    }
    this.#publish(tag)
    if (this.#silence && kindOf(tag) !== 'metadata') {
      for (const silent of this.#silence.upTo(tag.timestamp)) this.#publish(silent)
    }
  }
}
