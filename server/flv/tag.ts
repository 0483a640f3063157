/**
 * FLV tags, as in "Adobe Flash Video File Format Specification Version 10.1", annex E. They are what the bus carries:
 * H.264 (codec 7) and AAC (sound format 10).
 */

/** `TagType` of annex E.4.1. */
export const TAG_TYPE = { audio: 8, video: 9, script: 18 } as const

/** Value of {@link TAG_TYPE}. */
export type TagType = (typeof TAG_TYPE)[keyof typeof TAG_TYPE]

/** What a tag means to someone who joins or drops frames. The headers are the codecs' configurations. */
export type TagKind = 'metadata' | 'video-header' | 'audio-header' | 'keyframe' | 'interframe' | 'audio'

/** One FLV tag, before it is written. */
export interface Tag {
  type: TagType
  /** Decoding time in ms. */
  timestamp: number
  /** Everything between the tag header and the size that follows. */
  body: Buffer
}

/** Codec ids of annex E.4.2 and E.4.3 that the bus takes. */
export const AVC = 7
export const AAC = 10

/** Bytes of a tag header, and of the size that follows each tag. */
export const TAG_HEADER_BYTES = 11
export const TAG_TRAILER_BYTES = 4

/** Codec id of an audio or video tag; null for one that has none. */
export function codecIdOf({ type, body }: Tag): number | null {
  const first = body[0]
  if (first === undefined || type === TAG_TYPE.script) return null
  return type === TAG_TYPE.video ? first & 0x0f : first >> 4
}

/** Whether `tag` is a picture or a piece of sound, and no header. */
export function isFrame(tag: Tag): boolean {
  return isFrameKind(kindOf(tag))
}

/** Whether what is of this kind is a picture or a piece of sound, and no header. */
export function isFrameKind(kind: TagKind): boolean {
  return isPictureKind(kind) || kind === 'audio'
}

/** Whether what is of this kind is a picture. */
export function isPictureKind(kind: TagKind): boolean {
  return kind === 'keyframe' || kind === 'interframe'
}

/** What `tag` is. A tag of another codec than H.264 and AAC counts as a frame. */
export function kindOf({ type, body }: Tag): TagKind {
  const [first = 0, second = 0] = body
  if (type === TAG_TYPE.script) return 'metadata'
  if (type === TAG_TYPE.audio) return first >> 4 === AAC && second === 0 ? 'audio-header' : 'audio'
  if ((first & 0x0f) === AVC && second === 0) return 'video-header'
  return first >> 4 === 1 ? 'keyframe' : 'interframe'
}

/** The bytes of a tag in a file: header, body, and the size of both (annex E.3). */
export function encodeTag({ type, timestamp, body }: Tag): Buffer {
  const bytes = Buffer.allocUnsafe(TAG_HEADER_BYTES + body.length + TAG_TRAILER_BYTES)
  bytes[0] = type
  bytes.writeUIntBE(body.length, 1, 3)
  bytes.writeUIntBE(timestamp & 0xffffff, 4, 3)
  // 31 bits: players take the highest one for a sign.
  bytes[7] = Math.floor(timestamp / 0x1000000) & 0x7f
  bytes.writeUIntBE(0, 8, 3)
  body.copy(bytes, TAG_HEADER_BYTES)
  bytes.writeUInt32BE(TAG_HEADER_BYTES + body.length, TAG_HEADER_BYTES + body.length)
  return bytes
}

/** What an FLV stream begins with (annex E.2): which tracks it has, and the size "before" the first tag. */
export function encodeFileHeader({ audio, video }: { audio: boolean; video: boolean }): Buffer {
  return Buffer.from([0x46, 0x4c, 0x56, 1, (audio ? 4 : 0) | (video ? 1 : 0), 0, 0, 0, 9, 0, 0, 0, 0])
}
