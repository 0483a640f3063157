import { H264Depacketizer } from './h264.ts'
import { Vp8Depacketizer } from './vp8.ts'
import { Vp9Depacketizer } from './vp9.ts'

/** A picture, or a piece of sound, of one moment. `broken`: something of it is missing. */
export type Frame =
  | {
      kind: 'frame'
      isKeyframe: boolean
      data: Buffer
      /** What a decoder of H.264 needs first, with each keyframe. */
      header?: { sps: Buffer; pps: Buffer }
      /** Pixels, with keyframes of formats that tell them. */
      size?: { width: number; height: number }
    }
  | { kind: 'broken' }

/** Makes frames of the payloads of packets, which come in order. */
export interface Depacketizer {
  /** Takes the next payload of the frame. It is not empty. */
  push(payload: Buffer): void
  /** Whether a frame begins with `payload`, as far as that can be told. */
  begins(payload: Buffer): boolean
  /** The frame is over: gives it, or null where there was none. */
  finish(): Frame | null
}

/** Each packet of Opus is a frame (RFC 7587, section 4.2). */
class OpusDepacketizer implements Depacketizer {
  #payload: Buffer | null = null

  push(payload: Buffer): void {
    this.#payload = payload
  }

  begins(): boolean {
    return true
  }

  finish(): Frame | null {
    const data = this.#payload
    this.#payload = null
    return data && { kind: 'frame', isKeyframe: true, data }
  }
}

/** What is taken of publishers, the best first, and how Matroska calls it. */
export const CODECS = {
  video: { h264: 'V_MPEG4/ISO/AVC', vp8: 'V_VP8', vp9: 'V_VP9' },
  audio: { opus: 'A_OPUS' },
} as const

/** The name of a format that is taken. */
export type CodecName = 'h264' | 'vp8' | 'vp9' | 'opus'

/** One for a format of {@link CODECS}. */
export function depacketizerFor(codec: CodecName): Depacketizer {
  switch (codec) {
    case 'h264':
      return new H264Depacketizer()
    case 'vp8':
      return new Vp8Depacketizer()
    case 'vp9':
      return new Vp9Depacketizer()
    case 'opus':
      return new OpusDepacketizer()
  }
}
