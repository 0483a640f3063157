import type { Sps } from './sps.ts'
import { AVC, TAG_TYPE, type Tag } from './tag.ts'

/** Brightness of the card (Y of BT.601, where 16 is black), and colours that are none. */
const LUMA = 24
const CHROMA = 128

/** Level 5.2 takes every picture that we take; players go by it for memory alone. */
const BASELINE = { profile: 66, constraints: 0xc0, level: 52 }

/** Slice type I in all slices, and `I_PCM` and `I_16x16_2_0_0` of it (ITU-T H.264, tables 7-6 and 7-11). */
const SLICE_I = 7
const MB_PCM = 25
const MB_DC_PREDICTED = 3

/** What a card looks like. */
export type CardFormat = Pick<Sps, 'width' | 'height' | 'pixelAspect'>

/**
 * A dark picture without anything on it, as a header and a keyframe: it stands for a camera that was turned off. It needs no encoder: the first macroblock
 * has its pixels as they are, and all others are predicted from their neighbours (ITU-T H.264, 8.3.3).
 */
export function card(format: CardFormat, timestamp: number): { header: Tag; keyframe: Tag } {
  const [sps, pps] = [unit(0x67, spsBits(format)), unit(0x68, ppsBits())]
  const record = [
    Buffer.from([1, BASELINE.profile, BASELINE.constraints, BASELINE.level, 0xff, 0xe1]),
    ...[sized(sps, 2), Buffer.from([1]), sized(pps, 2)],
  ]
  // Its parameter sets go with it: mpegts.js has the decoder take the last picture of a configuration with the header of the next one.
  const picture = [sps, pps, unit(0x65, sliceBits(format))].map((each) => sized(each, 4))
  const tag = (packet: number, ...data: Buffer[]): Tag => ({
    type: TAG_TYPE.video,
    timestamp,
    body: Buffer.concat([Buffer.from([0x10 | AVC, packet, 0, 0, 0]), ...data]),
  })
  return { header: tag(0, ...record), keyframe: tag(1, ...picture) }
}

const macroblocks = (pixels: number) => Math.ceil(pixels / 16)

/** 7.3.2.1.1. */
function spsBits({ width, height, pixelAspect }: CardFormat): BitWriter {
  const bits = new BitWriter()
  bits.write(BASELINE.profile, 8).write(BASELINE.constraints, 8).write(BASELINE.level, 8)
  // Id; bits of the frame number; order of pictures as they come; one reference; no gaps.
  bits.ue(0).ue(0).ue(2).ue(1).write(0, 1)
  bits.ue(macroblocks(width) - 1).ue(macroblocks(height) - 1)
  // Frames alone, and how motion would be predicted.
  bits.write(1, 1).write(1, 1)
  const crop = [macroblocks(width) * 16 - width, macroblocks(height) * 16 - height].map((pixels) => pixels >> 1)
  bits
    .write(1, 1)
    .ue(0)
    .ue(crop[0] ?? 0)
    .ue(0)
    .ue(crop[1] ?? 0)
  bits.write(pixelAspect ? 1 : 0, 1)
  if (!pixelAspect) return bits
  // The shape of a pixel, and nothing else (E.1.1).
  bits.write(1, 1).write(255, 8).write(pixelAspect.width, 16).write(pixelAspect.height, 16)
  return bits.write(0, 8)
}

/** 7.3.2.2: CAVLC, one slice group, one reference, usual quantizers, and slices that say whether they are deblocked. */
function ppsBits(): BitWriter {
  const bits = new BitWriter().ue(0).ue(0).write(0, 1).write(0, 1).ue(0).ue(0).ue(0)
  return bits.write(0, 3).se(0).se(0).se(0).write(1, 1).write(0, 2)
}

/** 7.3.3 and 7.3.4: one slice of all macroblocks. */
function sliceBits({ width, height }: CardFormat): BitWriter {
  const bits = new BitWriter().ue(0).ue(SLICE_I).ue(0)
  // Frame number; IDR id; neither old pictures nor a long-term one; quantizer; no deblocking.
  bits.write(0, 4).ue(0).write(0, 2).se(0).ue(1)
  bits.ue(MB_PCM).align()
  for (let pixel = 0; pixel < 256; pixel++) bits.write(LUMA, 8)
  for (let pixel = 0; pixel < 128; pixel++) bits.write(CHROMA, 8)
  const columns = macroblocks(width)
  for (let index = 1; index < columns * macroblocks(height); index++) {
    // Type, prediction of the colours, quantizer, and no coefficients: by table 9-5, where a neighbour has sixteen, in other bits.
    bits.ue(MB_DC_PREDICTED).ue(0).se(0)
    if (index === 1 || index === columns) bits.write(0b000011, 6)
    else bits.write(1, 1)
  }
  return bits
}

/** A NAL unit (7.3.1): its header, then the bits, closed by a one (7.3.2.11), without what looks like a start code. */
function unit(header: number, bits: BitWriter): Buffer {
  const out = [header]
  let zeros = 0
  for (const byte of bits.write(1, 1).align().bytes) {
    if (zeros >= 2 && byte <= 3) {
      out.push(3)
      zeros = 0
    }
    zeros = byte === 0 ? zeros + 1 : 0
    out.push(byte)
  }
  return Buffer.from(out)
}

function sized(nal: Buffer, lengthBytes: number): Buffer {
  const size = Buffer.alloc(lengthBytes)
  size.writeUIntBE(nal.length, 0, lengthBytes)
  return Buffer.concat([size, nal])
}

class BitWriter {
  readonly bytes: number[] = []
  #bits = 0

  /** The last `count` bits of `value`. */
  write(value: number, count: number): this {
    for (let bit = count - 1; bit >= 0; bit--) {
      if (this.#bits % 8 === 0) this.bytes.push(0)
      const last = this.bytes.length - 1
      this.bytes[last] = (this.bytes[last] ?? 0) | (((value >> bit) & 1) << (7 - (this.#bits % 8)))
      this.#bits++
    }
    return this
  }

  /** An unsigned Exp-Golomb number (9.1). */
  ue(value: number): this {
    const bits = 31 - Math.clz32(value + 1)
    return this.write(0, bits).write(value + 1, bits + 1)
  }

  /** A signed one (9.1.1). */
  se(value: number): this {
    return this.ue(value > 0 ? 2 * value - 1 : -2 * value)
  }

  /** Zeros up to a whole byte. */
  align(): this {
    return this.#bits % 8 === 0 ? this : this.write(0, 8 - (this.#bits % 8))
  }
}
