import { readFileSync } from 'node:fs'
import {
  box,
  CLUSTER_ID,
  cluster,
  element,
  OPEN_CLUSTER,
  opusTrack,
  simpleBlock,
  webm,
} from '../../server/containers/fixtures.ts'
import { CHUNK_BYTES } from '../../shared/limits.ts'
import { mediaPath } from './publisher.ts'

/** Recordings that are well formed, and cost much. */

/** What is sent of one: its type, and its chunks, over and over where it never ends. */
export interface HostileMedia {
  mimeType: string
  chunks: Buffer[]
  /** A chunk that is sent again and again behind them. */
  again?: Buffer
}

const WEBM = 'audio/webm'
const MP4 = 'video/mp4'

/** A header of empty elements (or boxes), a byte a chunk. */
export function paddedHeader(container: 'matroska' | 'mp4', bytes: number): HostileMedia {
  const matroska = container === 'matroska'
  const head = matroska ? webm([]).subarray(0, -12) : box('ftyp', Buffer.from('isom\0\0\0\0'))
  const padding = Buffer.alloc(bytes, matroska ? Buffer.from('ec80', 'hex') : box('free'))
  const all = Buffer.concat([head, padding])
  return { mimeType: matroska ? WEBM : MP4, chunks: [...all].map((byte) => Buffer.from([byte])) }
}

/** Sound in pieces of one byte, all at one moment: as many of them in each chunk as fit. */
export function crowdedCluster(): HostileMedia {
  const block = simpleBlock(2, 0)
  const again = Buffer.alloc(Math.floor(CHUNK_BYTES / block.length) * block.length, block)
  return { mimeType: WEBM, chunks: [Buffer.concat([webm([opusTrack(2)]), cluster(0, [])])], again }
}

/** Clusters of one piece of sound each: as many places to begin as can be. */
export function crowdOfClusters(): HostileMedia {
  const chunks = [webm([opusTrack(2)])]
  for (let chunk = 0, time = 0; chunk < 40; chunk++) {
    const clusters: Buffer[] = []
    for (let bytes = 0; bytes < CHUNK_BYTES - 64; time++) {
      const next = cluster(time, [simpleBlock(2, 0)])
      bytes += next.length
      clusters.push(next)
    }
    chunks.push(Buffer.concat(clusters))
  }
  return { mimeType: WEBM, chunks }
}

/** Fragments of nothing but boxes, behind a real header. */
export function crowdedFragments(): HostileMedia {
  const file = readFileSync(mediaPath('synthetic-h264-aac.mp4'))
  const header = file.subarray(0, file.indexOf('moof') - 4)
  const moof = box('moof', ...Array.from({ length: 16 }, () => box('traf', box('tfhd', Buffer.alloc(8)))))
  const piece = Buffer.concat([moof, box('mdat')])
  const again = Buffer.alloc(Math.floor(CHUNK_BYTES / piece.length) * piece.length, piece)
  return { mimeType: MP4, chunks: [header], again }
}

/** A real recording, cut into chunks of one byte. */
export function crumbs(name: string, bytes: number): HostileMedia {
  const file = readFileSync(mediaPath(name)).subarray(0, bytes)
  return { mimeType: name.endsWith('.mp4') ? MP4 : 'video/webm', chunks: [...file].map((byte) => Buffer.from([byte])) }
}

/** Sound that goes on `hours` later: what fills gaps would make silence of them. `jumps`: how often. */
export function jumpingSound(hours: number, jumps = 1): HostileMedia {
  const file = readFileSync(mediaPath('chrome-audio-only.webm'))
  const first = file.indexOf(CLUSTER_ID)
  const second = file.indexOf(CLUSTER_ID, first + 4)
  const header = file.subarray(0, first)
  const media = file.subarray(first, second)
  const at = media.indexOf(0xe7)
  const blocks = media.subarray(at + 2 + ((media[at + 1] ?? 0) & 0x7f))
  const later = Array.from({ length: jumps }, (_, index) => {
    const time = Buffer.alloc(8)
    time.writeDoubleBE(0)
    time.writeBigUInt64BE(BigInt((index + 1) * hours * 3_600_000))
    return Buffer.concat([OPEN_CLUSTER, element(0xe7, time), blocks])
  })
  return { mimeType: WEBM, chunks: [Buffer.concat([header, media]), ...later] }
}

/** A recording of Chromium's whose clusters from `fromMs` on say that they are `byMs` later. */
export function standingStill(name: string, fromMs: number, byMs: number): HostileMedia {
  const file = readFileSync(mediaPath(name))
  const begins: number[] = []
  for (let at = file.indexOf(CLUSTER_ID); at >= 0; at = file.indexOf(CLUSTER_ID, at + 4)) begins.push(at)
  const clusters = begins.map((begin, index) => {
    const bytes = file.subarray(begin, begins[index + 1])
    const time = bytes.indexOf(0xe7)
    const length = (bytes[time + 1] ?? 0) & 0x7f
    const ms = bytes.readUIntBE(time + 2, length)
    const later = Buffer.alloc(8)
    later.writeBigUInt64BE(BigInt(ms < fromMs ? ms : ms + byMs))
    return Buffer.concat([OPEN_CLUSTER, element(0xe7, later), bytes.subarray(time + 2 + length)])
  })
  return { mimeType: 'video/x-matroska', chunks: [file.subarray(0, begins[0]), ...clusters] }
}

/** A picture of 64×64 pixels whose header says something else. */
export function claimedPicture(width: number, height: number): HostileMedia {
  const file = Buffer.from(readFileSync(mediaPath('chrome-vp8.webm')))
  const video = file.indexOf(Buffer.from('e0', 'hex'), file.indexOf('V_VP8'))
  const [w, h] = [file.indexOf(0xb0, video), file.indexOf(0xba, video)]
  if (file[w + 1] !== 0x82 || file[h + 1] !== 0x82) throw new Error('The recording has sizes of another length.')
  file.writeUInt16BE(width, w + 2)
  file.writeUInt16BE(height, h + 2)
  const chunks: Buffer[] = []
  for (let start = 0; start < 300_000; start += 20_000) chunks.push(file.subarray(start, start + 20_000))
  return { mimeType: 'video/webm', chunks }
}
