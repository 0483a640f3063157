import type { Broadcast } from '../../server/broadcast/broadcast.ts'
import type { EpochWriter } from '../../server/broadcast/epoch-writer.ts'
import { FILE_HEADER_BYTES, FlvReader } from '../../server/flv/reader.ts'
import { TAG_HEADER_BYTES, TAG_TRAILER_BYTES, TAG_TYPE, type Tag } from '../../server/flv/tag.ts'

/** Parameter sets of Chromium at 1280×720 and 960×540. */
const SPS = {
  720: Buffer.from('6742c0208c8d402802dd37010d0107844235', 'hex'),
  540: Buffer.from('6742c0208c8d407808bf737010d01078442350', 'hex'),
}
const PPS = Buffer.from('68ce3c80', 'hex')

/** Milliseconds from one picture, and from one sound, to the next. */
const PICTURE_MS = 1000 / 30
const SOUND_MS = 1024 / 48

/** The header of a picture of `height` lines. */
export function videoHeader(height: 720 | 540, timestamp = 0): Tag {
  const sps = SPS[height]
  const record = [
    Buffer.from([1, ...sps.subarray(1, 4), 0xff, 0xe1, 0, sps.length]),
    sps,
    Buffer.from([1, 0, PPS.length]),
  ]
  const body = Buffer.concat([Buffer.from([0x17, 0, 0, 0, 0]), ...record, PPS])
  return { type: TAG_TYPE.video, timestamp, body }
}

/** The header of AAC-LC, 48 kHz, stereo. */
export function audioHeader(timestamp = 0): Tag {
  return { type: TAG_TYPE.audio, timestamp, body: Buffer.from([0xaf, 0, 0x11, 0x90]) }
}

/** Pictures and sound in the order of their times, from `from` to `to` in ms, with a keyframe every `gopMs`; `size` is that of a picture. */
export function frames(from: number, to: number, { gopMs = 2000, size = 100, video = true } = {}): Tag[] {
  const tags: Tag[] = []
  const picturesOfGop = Math.round(gopMs / PICTURE_MS)
  for (let index = 0; video && from + index * PICTURE_MS < to; index++) {
    const body = Buffer.alloc(5 + size, 1)
    body.set([index % picturesOfGop === 0 ? 0x17 : 0x27, 1, 0, 0, 0])
    tags.push({ type: TAG_TYPE.video, timestamp: Math.round(from + index * PICTURE_MS), body })
  }
  for (let index = 0; from + index * SOUND_MS < to; index++) {
    tags.push({
      type: TAG_TYPE.audio,
      timestamp: Math.round(from + index * SOUND_MS),
      body: Buffer.from([0xaf, 1, 0x21]),
    })
  }
  return tags.sort((a, b) => a.timestamp - b.timestamp)
}

/** Begins an epoch of `broadcast` with a picture of `height` lines and AAC, or sound alone for null. */
export function beginEpoch(broadcast: Broadcast, epoch: number, at: number, height: 720 | 540 | null): EpochWriter {
  const video = height && { codec: 'h264', width: 0, height: 0, action: 'copy' as const }
  const writer = broadcast.beginEpoch({ epoch, at, video, audio: { codec: 'aac', action: 'copy' } })
  if (height) writer.write(videoHeader(height))
  writer.write(audioHeader())
  return writer
}

/** An FLV file without the tag in whose middle it was cut off. */
export function wholeTags(file: Buffer): Buffer {
  const tags = [...new FlvReader().read(file)]
  const length = tags.reduce((sum, { body }) => sum + TAG_HEADER_BYTES + body.length + TAG_TRAILER_BYTES, 0)
  return file.subarray(0, FILE_HEADER_BYTES + length)
}
