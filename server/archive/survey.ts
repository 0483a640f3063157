import { createReadStream } from 'node:fs'
import { FlvReader } from '../flv/reader.ts'
import { kindOf } from '../flv/tag.ts'

/** What a recording has in it. */
export interface Survey {
  hasPicture: boolean
  hasSound: boolean
  /** Bytes before the first picture, and the first sound. */
  pictureAt: number
  soundAt: number
  /** Whether its sound changes its rate or its channels. */
  soundChanges: boolean
}

const PIECE_BYTES = 1024 * 1024

/**
 * Reads the FLV at `path` to its end: FFmpeg says what a file holds after looking at a part of it, and a picture may begin an hour after the sound.
 * What is damaged at the end, as after a crash, is as if it were not there.
 */
export async function survey(path: string, signal: AbortSignal): Promise<Survey> {
  const found: Survey = { hasPicture: false, hasSound: false, pictureAt: 0, soundAt: 0, soundChanges: false }
  const reader = new FlvReader()
  let sound: Buffer | null = null
  let bytes = 0
  for await (const piece of createReadStream(path, { highWaterMark: PIECE_BYTES, signal })) {
    bytes += (piece as Buffer).length
    try {
      for (const tag of reader.read(piece as Buffer)) {
        switch (kindOf(tag)) {
          case 'keyframe':
          case 'interframe':
            if (!found.hasPicture) found.pictureAt = bytes
            found.hasPicture = true
            break
          case 'audio':
            if (!found.hasSound) found.soundAt = bytes
            found.hasSound = true
            break
          case 'audio-header':
            if (sound !== null && !sound.equals(tag.body)) found.soundChanges = true
            sound = Buffer.from(tag.body)
        }
      }
    } catch {
      return found
    }
  }
  return found
}
