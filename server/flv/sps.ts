/** How wide a pixel is for its height, as two whole numbers. */
interface PixelAspect {
  width: number
  height: number
}

/** What Castgate needs of an H.264 sequence parameter set. */
export interface Sps {
  /** Pixels after cropping. */
  width: number
  height: number
  /** Present for the High profiles: `chroma_format_idc` and bits a sample. */
  high: { chromaFormat: number; lumaDepth: number; chromaDepth: number } | null
  /** Null where nothing is said, which means as wide as high. */
  pixelAspect: PixelAspect | null
  /** `transfer_characteristics` (table E-4); null where nothing is said. */
  transfer: number | null
}

/** `aspect_ratio_idc` of table E-1, from 1 on. */
const PIXEL_ASPECTS = [
  [1, 1],
  [12, 11],
  [10, 11],
  [16, 11],
  [40, 33],
  [24, 11],
  [20, 11],
  [32, 11],
  [80, 33],
  [18, 11],
  [15, 11],
  [64, 33],
  [160, 99],
  [4, 3],
  [3, 2],
  [2, 1],
] as const
/** `aspect_ratio_idc` that says: two numbers follow. */
const EXTENDED_SAR = 255

const HIGH_PROFILES = new Set([100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135])

/** Reads a sequence parameter set NAL unit (ITU-T H.264, 7.3.2.1.1); null where it ends too early or makes no sense. */
export function readSps(nal: Buffer): Sps | null {
  const bits = new BitReader(withoutEmulationPrevention(nal.subarray(1)))
  try {
    const profile = bits.read(8)
    bits.read(16) // constraint flags and level
    bits.ue() // seq_parameter_set_id
    let high: Sps['high'] = null
    let chromaFormat = 1
    if (HIGH_PROFILES.has(profile)) {
      chromaFormat = bits.ue()
      if (chromaFormat === 3) bits.read(1)
      high = { chromaFormat, lumaDepth: bits.ue() + 8, chromaDepth: bits.ue() + 8 }
      bits.read(1)
      if (bits.read(1)) for (let i = 0; i < (chromaFormat === 3 ? 12 : 8); i++) skipScalingList(bits, i < 6 ? 16 : 64)
    }
    bits.ue() // log2_max_frame_num_minus4
    const orderType = bits.ue()
    if (orderType === 0) bits.ue()
    else if (orderType === 1) {
      bits.read(1)
      bits.se()
      bits.se()
      const count = bits.ue()
      if (count > 255) return null
      for (let i = 0; i < count; i++) bits.se()
    }
    bits.ue() // max_num_ref_frames
    bits.read(1)
    const widthInBlocks = bits.ue() + 1
    const heightInMaps = bits.ue() + 1
    const framesOnly = bits.read(1)
    if (!framesOnly) bits.read(1)
    bits.read(1)
    const crop = { left: 0, right: 0, top: 0, bottom: 0 }
    if (bits.read(1)) {
      crop.left = bits.ue()
      crop.right = bits.ue()
      crop.top = bits.ue()
      crop.bottom = bits.ue()
    }
    const unitX = chromaFormat === 1 || chromaFormat === 2 ? 2 : 1
    const unitY = (chromaFormat === 1 ? 2 : 1) * (2 - framesOnly)
    const width = widthInBlocks * 16 - (crop.left + crop.right) * unitX
    const height = heightInMaps * 16 * (2 - framesOnly) - (crop.top + crop.bottom) * unitY
    if (width <= 0 || height <= 0 || width > 16384 || height > 16384) return null
    return { width, height, high, ...readVui(bits) }
  } catch (error) {
    if (error instanceof RangeError) return null
    throw error
  }
}

/** What Castgate needs of the usability information (E.1.1). A picture can be decoded without it: one that ends too early says nothing. */
function readVui(bits: BitReader): Pick<Sps, 'pixelAspect' | 'transfer'> {
  const said: Pick<Sps, 'pixelAspect' | 'transfer'> = { pixelAspect: null, transfer: null }
  try {
    if (!bits.read(1)) return said
    if (bits.read(1)) said.pixelAspect = readPixelAspect(bits)
    if (bits.read(1)) bits.read(1) // overscan
    if (!bits.read(1)) return said
    bits.read(4) // video_format and video_full_range_flag
    if (!bits.read(1)) return said
    bits.read(8) // colour_primaries
    said.transfer = bits.read(8)
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
  }
  return said
}

function readPixelAspect(bits: BitReader): PixelAspect | null {
  const idc = bits.read(8)
  const [width, height] = idc === EXTENDED_SAR ? [bits.read(16), bits.read(16)] : (PIXEL_ASPECTS[idc - 1] ?? [0, 0])
  return width > 0 && height > 0 ? { width, height } : null
}

function skipScalingList(bits: BitReader, size: number): void {
  let last = 8
  let next = 8
  for (let i = 0; i < size; i++) {
    if (next !== 0) next = (last + bits.se() + 256) % 256
    if (next !== 0) last = next
  }
}

/** Drops the 03 of each 00 00 03 (ITU-T H.264, 7.4.1). */
function withoutEmulationPrevention(bytes: Buffer): Buffer {
  const out: number[] = []
  let zeros = 0
  for (const byte of bytes) {
    if (zeros >= 2 && byte === 3) {
      zeros = 0
      continue
    }
    zeros = byte === 0 ? zeros + 1 : 0
    out.push(byte)
  }
  return Buffer.from(out)
}

class BitReader {
  #at = 0
  readonly #bytes: Buffer

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  /** Unsigned number of `count` bits. @throws RangeError past the end */
  read(count: number): number {
    let value = 0
    for (let i = 0; i < count; i++) {
      const byte = this.#bytes[this.#at >> 3]
      if (byte === undefined) throw new RangeError('The parameter set ends too early.')
      value = value * 2 + ((byte >> (7 - (this.#at & 7))) & 1)
      this.#at++
    }
    return value
  }

  /** Unsigned Exp-Golomb number (9.1). */
  ue(): number {
    let zeros = 0
    while (this.read(1) === 0) if (++zeros > 31) throw new RangeError('A number of the parameter set is too long.')
    return 2 ** zeros - 1 + this.read(zeros)
  }

  /** Signed Exp-Golomb number (9.1.1). */
  se(): number {
    const code = this.ue()
    return code % 2 === 1 ? (code + 1) / 2 : -code / 2
  }
}
