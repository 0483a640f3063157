import type { Tag } from './tag.ts'

/** Bytes of an audio tag's body before its data: sound format, and AAC packet type (annex E.4.2). */
export const AAC_PACKET_HEADER_BYTES = 2

/** Samples of an AAC frame. */
export const AAC_FRAME_SAMPLES = 1024

const RATES = [96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350]

/** What an audio header says. */
export interface AacConfig {
  /** AudioSpecificConfig, as it is. */
  record: Buffer
  /** Audio object type, as in `mp4a.40.2`. */
  objectType: number
  /** Of the coded samples, in Hz; spectral band replication may double what is heard. */
  sampleRate: number
  channels: number
}

/** Reads an audio header (AudioSpecificConfig, ISO/IEC 14496-3, 1.6.2.1); null where it is not one that can be played. */
export function readAacConfig({ body }: Pick<Tag, 'body'>): AacConfig | null {
  const record = body.subarray(AAC_PACKET_HEADER_BYTES)
  if (record.length < 2) return null
  const first = record.readUInt16BE(0)
  const objectType = first >> 11
  const rateIndex = (first >> 7) & 0x0f
  if (objectType === 0 || objectType === 31) return null
  if (rateIndex !== 15) {
    const sampleRate = RATES[rateIndex]
    return sampleRate ? { record, objectType, sampleRate, channels: channelsOf((first >> 3) & 0x0f) } : null
  }
  // The rate itself follows, in 24 bits that begin at bit 9.
  if (record.length < 5) return null
  const sampleRate = (record.readUIntBE(1, 4) >>> 7) & 0xffffff
  return sampleRate === 0
    ? null
    : { record, objectType, sampleRate, channels: channelsOf(((record[4] ?? 0) >> 3) & 0x0f) }
}

function channelsOf(configuration: number): number {
  return configuration === 7 ? 8 : configuration || 2
}
