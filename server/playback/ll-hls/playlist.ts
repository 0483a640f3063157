import type { Shape } from './shape.ts'
import type { Part, Segment } from './window.ts'

/** What a media playlist tells. */
export interface PlaylistState {
  segments: readonly Segment[]
  /** EXT-X-DISCONTINUITY-SEQUENCE. */
  discontinuities: number
  shape: Pick<Shape, 'targetSeconds' | 'partMs'>
  allIndependent: boolean
  /** The part that comes next; null at the end of the stream. */
  nextPartFile: string | null
}

/** How far from the end a client should stay: three parts, and a little for the way (RFC 8216bis, 4.4.3.8). */
const HELD_BACK_PARTS = 3
const HELD_BACK_MORE_MS = 100

/** In target durations: how long segments stay in delta updates, and how long parts are listed. */
const SKIP_BOUNDARY = 6
const PARTS_LISTED = 3

/**
 * A media playlist of the second edition of HTTP Live Streaming (RFC 8216bis). `prefix` goes before each file's name. `skip` asks for a
 * delta update, which leaves out what a client has already (6.2.5.1).
 */
export function mediaPlaylist(state: PlaylistState, prefix: string, skip: boolean): string {
  const { nextPartFile } = state
  const { targetSeconds: target, partMs } = state.shape
  const { segments } = state
  const ended = nextPartFile === null
  const ages = agesOf(segments)
  const skipped = skip && !ended ? ages.filter((age) => age > SKIP_BOUNDARY * target).length : 0
  const lines = [
    '#EXTM3U',
    '#EXT-X-VERSION:9',
    `#EXT-X-TARGETDURATION:${target}`,
    serverControl(state.shape),
    `#EXT-X-PART-INF:PART-TARGET=${partMs / 1000}`,
    `#EXT-X-MEDIA-SEQUENCE:${segments[0]?.number ?? 0}`,
    `#EXT-X-DISCONTINUITY-SEQUENCE:${state.discontinuities}`,
    ...(state.allIndependent ? ['#EXT-X-INDEPENDENT-SEGMENTS'] : []),
    ...(skipped > 0 ? [`#EXT-X-SKIP:SKIPPED-SEGMENTS=${skipped}`] : []),
  ]
  // One that has only begun tells what its first part belongs to, where that is something else: players ask for it before it is there.
  for (const [index, segment] of segments.entries()) {
    if (index < skipped) continue
    if (segment.discontinuity) lines.push('#EXT-X-DISCONTINUITY')
    if (segment.init !== segments[index - 1]?.init) lines.push(`#EXT-X-MAP:URI="${prefix}${segment.init.file}"`)
    if (segment.parts.length === 0) continue
    lines.push(`#EXT-X-PROGRAM-DATE-TIME:${new Date(segment.date).toISOString()}`)
    if ((ages[index] ?? 0) < PARTS_LISTED * target) lines.push(...segment.parts.map((part) => partTag(part, prefix)))
    if (segment.whole) lines.push(`#EXTINF:${segment.whole.seconds.toFixed(3)},`, `${prefix}${segment.file}`)
  }
  lines.push(ended ? '#EXT-X-ENDLIST' : `#EXT-X-PRELOAD-HINT:TYPE=PART,URI="${prefix}${nextPartFile}"`)
  return `${lines.join('\n')}\n`
}

function serverControl({ targetSeconds: target, partMs }: PlaylistState['shape']): string {
  const partHoldBack = (HELD_BACK_PARTS * partMs + HELD_BACK_MORE_MS) / 1000
  const holdBack = `HOLD-BACK=${(3 * target).toFixed(1)},PART-HOLD-BACK=${partHoldBack.toFixed(3)}`
  return `#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,CAN-SKIP-UNTIL=${(SKIP_BOUNDARY * target).toFixed(1)},${holdBack}`
}

function partTag({ file, seconds, independent }: Part, prefix: string): string {
  return `#EXT-X-PART:DURATION=${seconds.toFixed(3)},URI="${prefix}${file}"${independent ? ',INDEPENDENT=YES' : ''}`
}

/** Seconds from the end of each segment to the end of the playlist. */
function agesOf(segments: readonly Segment[]): number[] {
  let after = 0
  return segments
    .toReversed()
    .map(({ parts }) => {
      const age = after
      after += parts.reduce((sum, { seconds }) => sum + seconds, 0)
      return age
    })
    .reverse()
}
