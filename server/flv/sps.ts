/** What Castgate needs of an H.264 sequence parameter set. */
export interface Sps {
  /** Pixels after cropping. */
  width: number
  height: number
  /** Present for the High profiles: `chroma_format_idc` and bits a sample. */
  high: { chromaFormat: number; lumaDepth: number; chromaDepth: number } | null
}

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
    return width > 0 && height > 0 && width <= 16384 && height <= 16384 ? { width, height, high } : null
  } catch (error) {
    if (error instanceof RangeError) return null
    throw error
  }
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
