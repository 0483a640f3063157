import { type Fields, isFields } from './narrow.ts'

/** What the server does with a track. `silence`: there is no such track, and silent audio stands in for it. */
export type TrackAction = 'copy' | 'transcode' | 'silence'

/** The picture of a stream. */
export interface VideoStatus {
  /** What the publisher sends: `h264`, `vp8`, `vp9`, `av1`. */
  codec: string
  /** Pixels; 0 until known. */
  width: number
  height: number
  action: TrackAction
}

/** The sound of a stream. */
export interface AudioStatus {
  /** What the publisher sends: `opus`, `aac`; `none` where it sends no audio. */
  codec: string
  action: TrackAction
}

/** How far an output is. `retrying`: it failed and is tried again by itself; `failed`: not before someone says so. */
export type TargetState = (typeof TARGET_STATES)[number]

export const TARGET_STATES = ['connecting', 'live', 'retrying', 'failed', 'paused'] as const

/** Who has said that a broadcast goes there. `gateway`: it is the gateway's own RTMP server. */
export const TARGET_SOURCES = ['gateway', 'operator', 'publisher'] as const
export type TargetSource = (typeof TARGET_SOURCES)[number]

/** One place that a broadcast is pushed to. Its URL is not told: it may hold a key. */
export interface TargetStatus {
  /** Tells it from the others of the broadcast. */
  id: string
  name: string
  /** Where it is; null for the gateway's own RTMP server. */
  host: string | null
  addedBy: TargetSource
  state: TargetState
  lastError: string | null
  bytesOut: number
  /** Bytes that the other end has acknowledged: servers do so in steps of some megabytes. */
  deliveredBytes: number
  /** Frames that it was too slow for. */
  droppedFrames: number
  reconnects: number
  /** When it became live, ISO 8601; null while it is not. */
  liveSince: string | null
}

/** The links of a stream, to share. */
export interface PlaybackLinks {
  watch: string
  /** HLS for any player: the RTMP server's where that makes it, else the same as `llHls`. */
  hls: string
  /** Low-latency HLS of the gateway's own. */
  llHls: string
  /** HTTP-FLV, and the same over a WebSocket. */
  flv: string
  /** WebRTC, for players of WHEP. */
  whep: string
}

/** How many watch a stream, in which way. Someone behind a cache, or who asks nginx itself, is not seen. */
export interface ViewerStatus {
  /** Over HTTP-FLV. */
  flv: number
  /** Over HTTP-FLV's bytes in a WebSocket. */
  flvWebSocket: number
  /** Over RTMP. */
  rtmp: number
  /** Over WebRTC. */
  whep: number
  /** Of the RTMP server's HLS. */
  hls: number
  /** Of the gateway's own, low-latency HLS. */
  llHls: number
  /** Groups of pictures that viewers over FLV and RTMP were too slow for. */
  skippedGops: number
  /** Viewers over FLV and RTMP that were closed because they took nothing. */
  closedAsTooSlow: number
}

/** How many people watch, in whatever way. */
export function viewersInAll({ flv, flvWebSocket, rtmp, whep, hls, llHls }: ViewerStatus): number {
  return flv + flvWebSocket + rtmp + whep + hls + llHls
}

/** Where a broadcast comes from: a page's recorder, `castgate push`, an encoder over RTMP, or one over WebRTC. */
export type StreamSource = (typeof STREAM_SOURCES)[number]

export const STREAM_SOURCES = ['recorder', 'file', 'rtmp', 'whip'] as const

/** A broadcast as the API and the status message tell it. */
export interface StreamStatus {
  /** Tells the broadcast from others of its name; its log lines have it. */
  id: string
  name: string
  /** `waiting`: its publisher is expected, or nothing has arrived from it yet. */
  state: 'live' | 'waiting'
  /** ISO 8601, UTC. */
  startedAt: string
  source: StreamSource
  /** The current run of the recorder, from 0. */
  epoch: number
  video: VideoStatus | null
  audio: AudioStatus | null
  /** Bytes of media received. */
  bytesIn: number
  /** What is to be changed at the encoder, as a sentence; null for nothing. */
  advice: string | null
  targets: TargetStatus[]
  viewers: ViewerStatus
  playback: PlaybackLinks
}

/** Reads playback links that the server sent, or null. */
export function parsePlayback(value: unknown): PlaybackLinks | null {
  if (!isFields(value)) return null
  const { watch, hls, llHls, flv, whep } = value
  if (typeof watch !== 'string' || typeof hls !== 'string' || typeof flv !== 'string') return null
  return {
    ...{ watch, hls, flv, llHls: typeof llHls === 'string' ? llHls : hls },
    whep: typeof whep === 'string' ? whep : '',
  }
}

/** Reads a stream that the server sent, or null where a field that every version has is missing. */
export function parseStreamStatus(value: unknown): StreamStatus | null {
  if (!isFields(value)) return null
  const playback = parsePlayback(value.playback)
  const { name, state, startedAt, epoch, bytesIn } = value
  const source = STREAM_SOURCES.find((each) => each === value.source)
  if (typeof name !== 'string' || typeof startedAt !== 'string' || playback === null) return null
  if (state !== 'live' && state !== 'waiting') return null
  if (source === undefined) return null
  if (typeof epoch !== 'number' || typeof bytesIn !== 'number') return null
  return {
    id: typeof value.id === 'string' ? value.id : '',
    name,
    state,
    startedAt,
    source,
    epoch,
    bytesIn,
    advice: textOrNull(value.advice),
    playback,
    video: parseVideo(value.video),
    audio: parseAudio(value.audio),
    targets: Array.isArray(value.targets) ? value.targets.flatMap(parseTarget) : [],
    viewers: parseViewers(value.viewers),
  }
}

function parseViewers(value: unknown): ViewerStatus {
  const count = (key: keyof ViewerStatus) => {
    const number = isFields(value) ? value[key] : 0
    return typeof number === 'number' ? number : 0
  }
  return {
    flv: count('flv'),
    flvWebSocket: count('flvWebSocket'),
    rtmp: count('rtmp'),
    whep: count('whep'),
    hls: count('hls'),
    llHls: count('llHls'),
    skippedGops: count('skippedGops'),
    closedAsTooSlow: count('closedAsTooSlow'),
  }
}

function parseVideo(value: unknown): VideoStatus | null {
  if (!isFields(value) || typeof value.codec !== 'string' || !isAction(value.action)) return null
  const width = typeof value.width === 'number' ? value.width : 0
  const height = typeof value.height === 'number' ? value.height : 0
  return { codec: value.codec, width, height, action: value.action }
}

function parseAudio(value: unknown): AudioStatus | null {
  if (!isFields(value) || typeof value.codec !== 'string' || !isAction(value.action)) return null
  return { codec: value.codec, action: value.action }
}

function parseTarget(value: unknown): TargetStatus[] {
  if (!isFields(value) || typeof value.name !== 'string') return []
  const { id, name, host, lastError, bytesOut, deliveredBytes, droppedFrames, reconnects, liveSince }: Fields = value
  const state = TARGET_STATES.find((each) => each === value.state)
  if (state === undefined) return []
  return [
    {
      id: typeof id === 'string' ? id : String(name),
      name: String(name),
      host: textOrNull(host),
      addedBy: TARGET_SOURCES.find((each) => each === value.addedBy) ?? 'gateway',
      state,
      lastError: textOrNull(lastError),
      bytesOut: typeof bytesOut === 'number' ? bytesOut : 0,
      deliveredBytes: typeof deliveredBytes === 'number' ? deliveredBytes : 0,
      droppedFrames: typeof droppedFrames === 'number' ? droppedFrames : 0,
      reconnects: typeof reconnects === 'number' ? reconnects : 0,
      liveSince: textOrNull(liveSince),
    },
  ]
}

function textOrNull(value: unknown): string | null {
  return typeof value === 'string' ? value : null
}

function isAction(value: unknown): value is TrackAction {
  return value === 'copy' || value === 'transcode' || value === 'silence'
}
