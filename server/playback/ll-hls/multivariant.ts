import { shownWidth, type Tracks } from '../../fmp4/init-section.ts'
import type { Segment } from './window.ts'

/** `transfer_characteristics` of pictures with a high dynamic range: SMPTE ST 2084, and ARIB STD-B67 (RFC 8216bis, 4.4.6.2). */
const VIDEO_RANGES = new Map([
  [16, 'PQ'],
  [18, 'HLG'],
])

/** A segment that is shorter than this counts for no peak, in target durations. */
const LEAST_OF_TARGET = 0.5

/** One rendition of a stream: its playlist, and what of it there is now. */
export interface Rendition {
  uri: string
  targetSeconds: number
  segments: readonly Segment[]
}

/** A multivariant playlist (RFC 8216bis, 4.4.6) of renditions, which are told by what their newest segments are. */
export function multivariantPlaylist(renditions: readonly Rendition[]): string {
  const lines = renditions.flatMap(({ uri, segments, targetSeconds }) => {
    const begun = segments.filter(({ parts }) => parts.length > 0)
    const tracks = begun.at(-1)?.init.tracks
    return tracks ? [`#EXT-X-STREAM-INF:${attributesOf(begun, targetSeconds, tracks).join(',')}`, uri] : []
  })
  return `${['#EXTM3U', '#EXT-X-VERSION:9', ...lines].join('\n')}\n`
}

function attributesOf(segments: readonly Segment[], targetSeconds: number, tracks: Tracks): string[] {
  const newest = segments.at(-1)?.init
  // What was before the picture or the sound changed says nothing of what comes.
  const same = segments.filter(({ init }) => init === newest).map(measured)
  const whole = same.filter(({ seconds }) => seconds >= LEAST_OF_TARGET * targetSeconds)
  const counted = whole.length > 0 ? whole : same
  const peak = Math.max(...counted.map(({ bytes, seconds }) => rate(bytes, seconds)))
  const total = { bytes: sum(counted.map(({ bytes }) => bytes)), seconds: sum(counted.map(({ seconds }) => seconds)) }
  const attributes = [
    `BANDWIDTH=${Math.max(1, peak)}`,
    `AVERAGE-BANDWIDTH=${Math.max(1, rate(total.bytes, total.seconds))}`,
    `CODECS="${codecsOf(tracks).join(',')}"`,
  ]
  const { video } = tracks
  if (!video) return attributes
  const frameRate = Math.max(...counted.map(({ pictures, seconds }) => pictures / Math.max(seconds, 0.001)))
  return [
    ...attributes,
    `RESOLUTION=${shownWidth(video)}x${video.height}`,
    `FRAME-RATE=${frameRate.toFixed(3)}`,
    `VIDEO-RANGE=${VIDEO_RANGES.get(video.transfer ?? 0) ?? 'SDR'}`,
  ]
}

function measured({ parts }: Segment): { bytes: number; seconds: number; pictures: number } {
  return {
    bytes: sum(parts.map(({ bytes }) => bytes.length)),
    seconds: sum(parts.map(({ seconds }) => seconds)),
    pictures: sum(parts.map(({ pictures }) => pictures)),
  }
}

/** Bits a second. */
function rate(bytes: number, seconds: number): number {
  return Math.ceil((bytes * 8) / Math.max(seconds, 0.001))
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}

/** As RFC 6381 names them: profile, constraints and level of H.264, and the object type of AAC. */
function codecsOf({ video, audio }: Tracks): string[] {
  return [
    ...(video ? [`avc1.${video.record.toString('hex', 1, 4)}`] : []),
    ...(audio ? [`mp4a.40.${audio.objectType}`] : []),
  ]
}
