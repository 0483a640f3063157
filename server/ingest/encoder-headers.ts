import { type Media, plainTag } from '../flv/media.ts'
import type { TrackName } from '../flv/steady-times.ts'
import type { Tag } from '../flv/tag.ts'

/** A tag of an encoder, and what it is when taken apart. */
export interface Piece {
  tag: Tag
  media: Media
}

/** The headers of an encoder's tracks: each goes out before the next frame of its track, with that one's time. */
export class EncoderHeaders {
  readonly #headers = new Map<TrackName, Piece & { isNew: boolean }>()

  /** Takes a header. The same one again says nothing new. Its time is not to be believed: encoders that come back write 0. */
  take(piece: Piece): void {
    const { track, data } = piece.media
    if (this.#headers.get(track)?.media.data.equals(data)) return
    const own = ownPiece(piece)
    this.#headers.set(track, { tag: plainTag(own.tag, own.media), media: own.media, isNew: true })
  }

  of(track: TrackName): Piece | null {
    return this.#headers.get(track) ?? null
  }

  /** Whether the header of a track has not gone out. */
  isNew(track: TrackName): boolean {
    return this.#headers.get(track)?.isNew ?? false
  }

  /** The header that goes before the next frame of a track; null where it went out. */
  next(track: TrackName): Piece | null {
    const header = this.#headers.get(track)
    if (!header?.isNew) return null
    header.isNew = false
    return header
  }

  /** All of them go out once more. */
  renew(): void {
    for (const header of this.#headers.values()) header.isNew = true
  }

  clear(): void {
    this.#headers.clear()
  }
}

/** The same piece in memory of its own, for who keeps it. */
export function ownPiece({ tag, media }: Piece): Piece {
  const body = Buffer.from(tag.body)
  return { tag: { ...tag, body }, media: { ...media, data: body.subarray(body.length - media.data.length) } }
}
