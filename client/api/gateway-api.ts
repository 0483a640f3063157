// @ts-nocheck
/**
 * Castgate
 * 0.1.0
 * DO NOT MODIFY - This file has been generated using oazapfts.
 * See https://www.npmjs.com/package/oazapfts
 */
import * as Oazapfts from '@oazapfts/runtime'
import * as QS from '@oazapfts/runtime/query'
export const defaults: Oazapfts.Defaults<Oazapfts.CustomHeaders> = {
  headers: {},
  baseUrl: '/',
}
const oazapfts = Oazapfts.runtime(defaults)
export const servers = {
  server1: '/',
}
export type Health = {
  status: 'ok' | 'down'
  ffmpeg?: {
    path: string
    version: string
  }
  rtmp?: {
    kind: 'nginx' | 'embedded' | 'external'
    url: string
  }
  /** What is missing, for people. */
  problems?: string[]
}
export type Target = {
  /** Tells it from the others of the broadcast. */
  id: string
  name: string
  /** Where it is; null for the gateway's own RTMP server. */
  host: string | null
  addedBy: 'gateway' | 'operator' | 'publisher'
  state: 'connecting' | 'live' | 'retrying' | 'failed' | 'paused'
  lastError: string | null
  /** Bytes sent. */
  bytesOut: number
  /** Bytes that the other end has acknowledged: servers do so in steps of some megabytes. */
  deliveredBytes: number
  /** Frames that it was too slow for. */
  droppedFrames: number
  /** How often it was tried again. */
  reconnects: number
  liveSince: string | null
}
export type Viewers = {
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
export type Playback = {
  watch: string
  hls: string
  llHls: string
  flv: string
  whep: string
}
export type Stream = {
  /** Tells the broadcast from others of its name; its log lines have it. */
  id: string
  /** The name of a stream: 1 to 64 letters, digits, "_" or "-". */
  name: string
  state: 'live' | 'waiting'
  /** When the broadcast began. */
  startedAt: string
  source: 'recorder' | 'file' | 'rtmp' | 'whip'
  /** The current run of the recorder, from 0. */
  epoch: number
  video: {
    codec: string
    /** Pixels; 0 until known. */
    width: number
    /** Pixels; 0 until known. */
    height: number
    action: 'copy' | 'transcode' | 'silence'
  } | null
  audio: {
    codec: string
    action: 'copy' | 'transcode' | 'silence'
  } | null
  /** Bytes of media received. */
  bytesIn: number
  advice: string | null
  targets: Target[]
  viewers: Viewers
  playback: Playback
}
export type Error = {
  error: {
    /** For programs: see docs/errors.md. */
    code:
      | 'bad_message'
      | 'bad_request'
      | 'unauthorized'
      | 'forbidden'
      | 'not_found'
      | 'no_session'
      | 'method_not_allowed'
      | 'timeout'
      | 'hello_timeout'
      | 'conflict'
      | 'name_taken'
      | 'taken_over'
      | 'precondition_failed'
      | 'too_large'
      | 'chunk_too_large'
      | 'uri_too_long'
      | 'unsupported_media'
      | 'unsupported_offer'
      | 'upgrade_required'
      | 'precondition_required'
      | 'too_many'
      | 'headers_too_large'
      | 'internal'
      | 'unavailable'
      | 'no_capacity'
    /** For people: what happened, and what to do. */
    message: string
  }
}
export type Preset = {
  id: string
  title: string
  /** Where it is published to; the stream key goes behind it. */
  url: string
  /** Longest time between keyframes. */
  keyframeSeconds: number
  /** Highest bitrate of the picture, in kbit/s. */
  videoKbps: number
  /** Highest bitrate of the sound, in kbit/s. */
  audioKbps: number
  /** Where a person finds the key. */
  keyAt: string
  advice: string
}
export type Recording = {
  /** The id of a recording. */
  id: string
  /** The name of a stream: 1 to 64 letters, digits, "_" or "-". */
  stream: string
  /** Tells the broadcast from others of its name; its log lines have it. */
  broadcast: string
  state: 'recording' | 'finishing' | 'ready' | 'unfinished'
  /** When it began. */
  startedAt: string
  endedAt: string | null
  /** Why it ended; null while it goes on. */
  reason: ('ended' | 'stopped' | 'disk_floor' | 'disk_full' | 'disk_error' | 'interrupted') | null
  /** Bytes on the disk. */
  bytes: number
  /** Its length; null until it is ready. */
  seconds: number | null
  /** Frames that are missing because the disk was too slow. */
  droppedFrames: number
  /** Whether there is a poster picture. */
  poster: boolean
  /** Its name in the bucket that recordings are copied to. */
  uploadedAs: string | null
  /** What went wrong. */
  problem: string | null
  /** Its MP4, for a player. Links are good for six hours. */
  play: string | null
  /** The same as a file; FLV while it is unfinished. */
  download: string | null
  /** Its poster, a JPEG. */
  posterUrl: string | null
}
export type Event = {
  /** Grows with each event, also when the gateway is started anew. */
  id: number
  type:
    | 'stream.started'
    | 'stream.waiting'
    | 'stream.resumed'
    | 'stream.ended'
    | 'encoder.refused'
    | 'target.live'
    | 'target.failed'
    | 'recording.started'
    | 'recording.stopped'
    | 'recording.ready'
    | 'recording.uploaded'
    | 'recording.failed'
  /** When it happened. */
  at: string
  /** The stream that it is about. */
  stream: string
  /** The id of its broadcast, as in the log and in recordings. */
  broadcast: string
  /** For people. */
  message: string
  /** What else is known: the target or the recording that it is about. */
  data: {
    [key: string]: string | number | null
  }
}
export type Process = {
  /** Its number. */
  pid: number
  /** What it is there for. */
  use: string
  stream: string | null
  output: string | null
  /** Processors: 0.5 is half of one. */
  cpu: number
  /** Memory. */
  rssBytes: number
}
export type Problem = {
  severity: 'fault' | 'warning'
  /** For people. */
  message: string
  stream: string | null
}
export type Beat = {
  /** Milliseconds since 1970. */
  at: number
  /** What came in the second before. */
  bitsPerSecond: number
  /** How much later than usual its newest frame came. */
  behindMs: number
  /** How many watched. */
  viewers: number
}
export type WatchedStream = {
  /** Tells the broadcast from others of its name; its log lines have it. */
  id: string
  /** The name of a stream: 1 to 64 letters, digits, "_" or "-". */
  name: string
  state: 'live' | 'waiting'
  /** When the broadcast began. */
  startedAt: string
  source: 'recorder' | 'file' | 'rtmp' | 'whip'
  /** The current run of the recorder, from 0. */
  epoch: number
  video: {
    codec: string
    /** Pixels; 0 until known. */
    width: number
    /** Pixels; 0 until known. */
    height: number
    action: 'copy' | 'transcode' | 'silence'
  } | null
  audio: {
    codec: string
    action: 'copy' | 'transcode' | 'silence'
  } | null
  /** Bytes of media received. */
  bytesIn: number
  advice: string | null
  targets: Target[]
  viewers: Viewers
  playback: Playback
  /** A small picture of it; a link that is good for six hours. */
  thumbnail: string | null
  /** The recording that is made of it. */
  recording: string | null
  /** Its past, second by second, oldest first. */
  beats: Beat[]
}
export type GatewayStatus = {
  version: string
  /** When the gateway began. */
  startedAt: string
  ffmpeg: {
    path: string
    version: string
  }
  rtmp: {
    kind: string
    url: string
    problem: string | null
  }
  cpu: {
    /** Processors that the gateway and its processes use. */
    used: number
    /** How many there are. */
    cores: number
  }
  disk: {
    freeBytes: number
    /** What recordings leave alone. */
    floorBytes: number
  }
  processes: Process[]
  /** The worst first. */
  problems: Problem[]
  streams: WatchedStream[]
}
/**
 * Whether everything that a broadcast needs is there. What is not, and what there is, is for admins
 */
export function getHealth(opts?: Oazapfts.RequestOpts) {
  return oazapfts.fetchJson<
    | {
        status: 200
        data: Health
      }
    | {
        status: 503
        data: Health
      }
  >('/healthz', {
    ...opts,
  })
}
/**
 * All that is live. Where there is a secret or an admin key, this needs the latter; a token to publish lists its own
 */
export function listStreams(opts?: Oazapfts.RequestOpts) {
  return oazapfts.fetchJson<
    | {
        status: 200
        data: {
          streams: Stream[]
        }
      }
    | {
        status: 401
        data: Error
      }
    | {
        status: 403
        data: Error
      }
    | {
        status: 429
        data: Error
      }
  >('/api/streams', {
    ...opts,
  })
}
/**
 * One that is live. Where watching needs a token, so does this. Its targets are for admins and its publisher
 */
export function getStream(name: string, opts?: Oazapfts.RequestOpts) {
  return oazapfts.fetchJson<
    | {
        status: 200
        data: Stream
      }
    | {
        status: 400
        data: Error
      }
    | {
        status: 401
        data: Error
      }
    | {
        status: 403
        data: Error
      }
    | {
        status: 404
        data: Error
      }
    | {
        status: 429
        data: Error
      }
  >(`/api/streams/${encodeURIComponent(name)}`, {
    ...opts,
  })
}
/**
 * The platforms that can be chosen by name, and whether publishers may choose any
 */
export function listPresets(opts?: Oazapfts.RequestOpts) {
  return oazapfts.fetchJson<
    | {
        status: 200
        data: {
          presets: Preset[]
          publishersMayAdd: boolean
        }
      }
    | {
        status: 429
        data: Error
      }
  >('/api/presets', {
    ...opts,
  })
}
/**
 * Sends a broadcast to one more target
 */
export function addTarget(
  name: string,
  body: {
    /** What people call it. */
    name?: string
    /** A platform, by its id; or else "url". */
    preset?: string
    /** rtmp:// or rtmps://, a host, and the application. */
    url?: string
    /** The stream key. It is never told again. */
    key?: string
  },
  opts?: Oazapfts.RequestOpts,
) {
  return oazapfts.fetchJson<
    | {
        status: 201
        data: Target
      }
    | {
        status: 400
        data: Error
      }
    | {
        status: 401
        data: Error
      }
    | {
        status: 403
        data: Error
      }
    | {
        status: 404
        data: Error
      }
    | {
        status: 413
        data: Error
      }
    | {
        status: 415
        data: Error
      }
    | {
        status: 429
        data: Error
      }
    | {
        status: 503
        data: Error
      }
  >(
    `/api/streams/${encodeURIComponent(name)}/targets`,
    oazapfts.json({
      ...opts,
      method: 'POST',
      body,
    }),
  )
}
/**
 * Ends sending a broadcast to a target
 */
export function removeTarget(name: string, id: string, opts?: Oazapfts.RequestOpts) {
  return oazapfts.fetchJson<
    | {
        status: 204
      }
    | {
        status: 400
        data: Error
      }
    | {
        status: 401
        data: Error
      }
    | {
        status: 403
        data: Error
      }
    | {
        status: 404
        data: Error
      }
    | {
        status: 415
        data: Error
      }
    | {
        status: 429
        data: Error
      }
  >(`/api/streams/${encodeURIComponent(name)}/targets/${encodeURIComponent(id)}`, {
    ...opts,
    method: 'DELETE',
  })
}
/**
 * Pauses sending to a target, goes on with it, or tries it again at once
 */
export function controlTarget(
  name: string,
  id: string,
  action: 'pause' | 'resume' | 'retry',
  opts?: Oazapfts.RequestOpts,
) {
  return oazapfts.fetchJson<
    | {
        status: 200
        data: Target
      }
    | {
        status: 400
        data: Error
      }
    | {
        status: 401
        data: Error
      }
    | {
        status: 403
        data: Error
      }
    | {
        status: 404
        data: Error
      }
    | {
        status: 413
        data: Error
      }
    | {
        status: 415
        data: Error
      }
    | {
        status: 429
        data: Error
      }
  >(`/api/streams/${encodeURIComponent(name)}/targets/${encodeURIComponent(id)}/${encodeURIComponent(action)}`, {
    ...opts,
    method: 'POST',
  })
}
/**
 * A small picture of what is live, a few seconds old at most. Where watching needs a token, so does this
 */
export function getThumbnail(name: string, opts?: Oazapfts.RequestOpts) {
  return oazapfts.fetchJson<
    | {
        status: 200
        data: string
      }
    | {
        status: 400
        data: Error
      }
    | {
        status: 401
        data: Error
      }
    | {
        status: 403
        data: Error
      }
    | {
        status: 404
        data: Error
      }
    | {
        status: 429
        data: Error
      }
  >(`/api/streams/${encodeURIComponent(name)}/thumbnail.jpg`, {
    ...opts,
  })
}
/**
 * A recording as ID.mp4, or ID.flv where it is not ready; its poster as ID.jpg
 */
export function getRecordingFile(
  file: string,
  {
    expires,
    signature,
    download,
  }: {
    expires?: string
    signature?: string
    download?: string
  } = {},
  opts?: Oazapfts.RequestOpts,
) {
  return oazapfts.fetchJson<
    | {
        status: 200
        data: string
      }
    | {
        status: 206
        data: string
      }
    | {
        status: 304
      }
    | {
        status: 400
        data: Error
      }
    | {
        status: 401
        data: Error
      }
    | {
        status: 403
        data: Error
      }
    | {
        status: 404
        data: Error
      }
    | {
        status: 412
      }
    | {
        status: 416
      }
    | {
        status: 429
        data: Error
      }
  >(
    `/recordings/${encodeURIComponent(file)}${QS.query(
      QS.explode({
        expires,
        signature,
        download,
      }),
    )}`,
    {
      ...opts,
    },
  )
}
/**
 * What Prometheus scrapes
 */
export function getMetrics(opts?: Oazapfts.RequestOpts) {
  return oazapfts.fetchJson<
    | {
        status: 200
        data: string
      }
    | {
        status: 401
        data: Error
      }
    | {
        status: 403
        data: Error
      }
    | {
        status: 429
        data: Error
      }
  >('/metrics', {
    ...opts,
  })
}
/**
 * Makes a token that lets its bearer broadcast or watch
 */
export function makeToken(
  body: {
    /** The stream it is for: 1 to 64 letters, digits, "_", "-" or "*". */
    stream: string
    /** It allows to broadcast. */
    publish?: boolean
    /** It allows to watch. */
    play?: boolean
    /** What is broadcast with it is recorded. */
    record?: boolean
    /** How long it is good, in s. */
    ttl?: number
    /** How long one broadcast may last, in s. */
    maxSeconds?: number | null
    /** Most bits a second. */
    maxBitrate?: number | null
  },
  opts?: Oazapfts.RequestOpts,
) {
  return oazapfts.fetchJson<
    | {
        status: 201
        data: {
          token: string
          /** When it ends. */
          expiresAt: string
        }
      }
    | {
        status: 400
        data: Error
      }
    | {
        status: 401
        data: Error
      }
    | {
        status: 403
        data: Error
      }
    | {
        status: 413
        data: Error
      }
    | {
        status: 415
        data: Error
      }
    | {
        status: 429
        data: Error
      }
    | {
        status: 503
        data: Error
      }
  >(
    '/api/tokens',
    oazapfts.json({
      ...opts,
      method: 'POST',
      body,
    }),
  )
}
/**
 * Denies a token: whoever broadcasts or watches with it is cut off
 */
export function revokeToken(
  body: {
    /** The id of the token. */
    jti: string
  },
  opts?: Oazapfts.RequestOpts,
) {
  return oazapfts.fetchJson<
    | {
        status: 204
      }
    | {
        status: 400
        data: Error
      }
    | {
        status: 401
        data: Error
      }
    | {
        status: 403
        data: Error
      }
    | {
        status: 413
        data: Error
      }
    | {
        status: 415
        data: Error
      }
    | {
        status: 429
        data: Error
      }
  >(
    '/api/tokens/revoke',
    oazapfts.json({
      ...opts,
      method: 'POST',
      body,
    }),
  )
}
/**
 * Ends a broadcast and denies the token that it was begun with
 */
export function stopStream(name: string, opts?: Oazapfts.RequestOpts) {
  return oazapfts.fetchJson<
    | {
        status: 204
      }
    | {
        status: 400
        data: Error
      }
    | {
        status: 401
        data: Error
      }
    | {
        status: 403
        data: Error
      }
    | {
        status: 404
        data: Error
      }
    | {
        status: 413
        data: Error
      }
    | {
        status: 415
        data: Error
      }
    | {
        status: 429
        data: Error
      }
  >(`/api/streams/${encodeURIComponent(name)}/stop`, {
    ...opts,
    method: 'POST',
  })
}
/**
 * All recordings, the latest first
 */
export function listRecordings(opts?: Oazapfts.RequestOpts) {
  return oazapfts.fetchJson<
    | {
        status: 200
        data: {
          recordings: Recording[]
        }
      }
    | {
        status: 400
        data: Error
      }
    | {
        status: 401
        data: Error
      }
    | {
        status: 403
        data: Error
      }
    | {
        status: 413
        data: Error
      }
    | {
        status: 415
        data: Error
      }
    | {
        status: 429
        data: Error
      }
  >('/api/recordings', {
    ...opts,
  })
}
/**
 * One recording, with links that are good for six hours
 */
export function getRecording(id: string, opts?: Oazapfts.RequestOpts) {
  return oazapfts.fetchJson<
    | {
        status: 200
        data: Recording
      }
    | {
        status: 400
        data: Error
      }
    | {
        status: 401
        data: Error
      }
    | {
        status: 403
        data: Error
      }
    | {
        status: 404
        data: Error
      }
    | {
        status: 413
        data: Error
      }
    | {
        status: 415
        data: Error
      }
    | {
        status: 429
        data: Error
      }
  >(`/api/recordings/${encodeURIComponent(id)}`, {
    ...opts,
  })
}
/**
 * Removes a recording for good
 */
export function deleteRecording(id: string, opts?: Oazapfts.RequestOpts) {
  return oazapfts.fetchJson<
    | {
        status: 204
      }
    | {
        status: 400
        data: Error
      }
    | {
        status: 401
        data: Error
      }
    | {
        status: 403
        data: Error
      }
    | {
        status: 404
        data: Error
      }
    | {
        status: 409
        data: Error
      }
    | {
        status: 413
        data: Error
      }
    | {
        status: 415
        data: Error
      }
    | {
        status: 429
        data: Error
      }
  >(`/api/recordings/${encodeURIComponent(id)}`, {
    ...opts,
    method: 'DELETE',
  })
}
/**
 * Begins to record a broadcast from its last keyframe on. It may be recorded already
 */
export function startRecording(name: string, opts?: Oazapfts.RequestOpts) {
  return oazapfts.fetchJson<
    | {
        status: 200
        data: Recording
      }
    | {
        status: 400
        data: Error
      }
    | {
        status: 401
        data: Error
      }
    | {
        status: 403
        data: Error
      }
    | {
        status: 404
        data: Error
      }
    | {
        status: 413
        data: Error
      }
    | {
        status: 415
        data: Error
      }
    | {
        status: 429
        data: Error
      }
    | {
        status: 503
        data: Error
      }
  >(`/api/streams/${encodeURIComponent(name)}/recording`, {
    ...opts,
    method: 'POST',
  })
}
/**
 * Ends the recording of a broadcast, which goes on
 */
export function stopRecording(name: string, opts?: Oazapfts.RequestOpts) {
  return oazapfts.fetchJson<
    | {
        status: 200
        data: Recording
      }
    | {
        status: 400
        data: Error
      }
    | {
        status: 401
        data: Error
      }
    | {
        status: 403
        data: Error
      }
    | {
        status: 404
        data: Error
      }
    | {
        status: 413
        data: Error
      }
    | {
        status: 415
        data: Error
      }
    | {
        status: 429
        data: Error
      }
  >(`/api/streams/${encodeURIComponent(name)}/recording`, {
    ...opts,
    method: 'DELETE',
  })
}
/**
 * The latest events, oldest first; with "Accept: text/event-stream", all that come, as server-sent events
 */
export function listEvents(
  {
    after,
    status,
  }: {
    after?: number
    status?: boolean
  } = {},
  opts?: Oazapfts.RequestOpts,
) {
  return oazapfts.fetchJson<
    | {
        status: 200
        data: {
          events: Event[]
        }
      }
    | {
        status: 400
        data: Error
      }
    | {
        status: 401
        data: Error
      }
    | {
        status: 403
        data: Error
      }
    | {
        status: 413
        data: Error
      }
    | {
        status: 415
        data: Error
      }
    | {
        status: 429
        data: Error
      }
  >(
    `/api/events${QS.query(
      QS.explode({
        after,
        status,
      }),
    )}`,
    {
      ...opts,
    },
  )
}
/**
 * How the gateway is: what is live, what is wrong, what its processes use
 */
export function getStatus(
  {
    beats,
  }: {
    beats?: number
  } = {},
  opts?: Oazapfts.RequestOpts,
) {
  return oazapfts.fetchJson<
    | {
        status: 200
        data: GatewayStatus
      }
    | {
        status: 400
        data: Error
      }
    | {
        status: 401
        data: Error
      }
    | {
        status: 403
        data: Error
      }
    | {
        status: 413
        data: Error
      }
    | {
        status: 415
        data: Error
      }
    | {
        status: 429
        data: Error
      }
  >(
    `/api/status${QS.query(
      QS.explode({
        beats,
      }),
    )}`,
    {
      ...opts,
    },
  )
}
